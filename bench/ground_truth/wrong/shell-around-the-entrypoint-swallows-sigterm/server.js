"use strict";
const http = require("node:http");

const server = http.createServer((request, response) => response.end("ready\n")).listen(8000);

process.on("SIGTERM", () => {
  console.log("the queue is saved");
  server.close(() => process.exit(0));
});
