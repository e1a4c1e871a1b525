"use strict";
const fs = require("node:fs");
const http = require("node:http");

const file = "/var/lib/counter/count";

function visit() {
  const count = 1 + (fs.existsSync(file) ? Number(fs.readFileSync(file, "utf8")) : 0);
  fs.writeFileSync(file, `${count}`, { mode: 0o600 });
  return `visit ${count}\n`;
}

const routes = {
  "/": () => "ready\n",
  "/visit": visit,
};

http
  .createServer((request, response) => {
    const answer = routes[request.url];
    try {
      response.statusCode = answer ? 200 : 404;
      response.end(answer ? answer() : "not found\n");
    } catch (error) {
      console.error(error.message);
      response.statusCode = 500;
      response.end("internal error\n");
    }
  })
  .listen(8000);
