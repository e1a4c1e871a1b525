"use strict";
const http = require("node:http");

// Loaded when the first sum is asked for.
const sum = () => `${require("@node-rs/crc32").crc32("parcel 17")}\n`;

const routes = {
  "/": () => "ready\n",
  "/sum": sum,
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
