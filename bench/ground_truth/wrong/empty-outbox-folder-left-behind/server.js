"use strict";
const fs = require("node:fs");
const http = require("node:http");

function queue() {
  fs.writeFileSync("/var/spool/outbox/1.eml", "Subject: welcome\n");
  return "queued\n";
}

const routes = {
  "/": () => "ready\n",
  "/queue": queue,
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
