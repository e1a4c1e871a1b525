"use strict";
const http = require("node:http");

const server = http.createServer((request, response) => response.end("ready\n")).listen(Number(process.argv[2]));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
