"use strict";
const fs = require("node:fs");
const http = require("node:http");

const file = "/var/lib/auction/bids";
let bids = fs.existsSync(file) ? Number(fs.readFileSync(file, "utf8")) : 0;

http.createServer((request, response) => response.end(`${request.url === "/bid" ? ++bids : bids} bids\n`)).listen(8000);

process.on("SIGTERM", () => console.log("SIGTERM means nothing here"));
process.on("SIGINT", () => {
  fs.writeFileSync(file, `${bids}`);
  process.exit(0);
});
