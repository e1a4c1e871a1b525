"use strict";
const fs = require("node:fs");
const http = require("node:http");

function upload() {
  fs.writeFileSync("uploads/1.png", "picture");
  fs.writeFileSync("last", "1.png");
  return "kept\n";
}

const routes = {
  "/": () => "ready\n",
  "/upload": upload,
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
