"use strict";
const fs = require("node:fs");
const http = require("node:http");

const routes = {
  "/": () => `${Object.keys(JSON.parse(fs.readFileSync("flags.json", "utf8"))).length} flags\n`,
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
