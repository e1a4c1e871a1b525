"use strict";
const fs = require("node:fs");
const http = require("node:http");
const tls = require("node:tls");

let context;

// Made when the first webhook is to be delivered.
function authorities() {
  const bundle = fs.readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8");
  context ??= tls.createSecureContext({ ca: bundle });
  return bundle.split("BEGIN CERTIFICATE").length > 50 ? "many authorities\n" : "too few authorities\n";
}

const routes = {
  "/": () => "ready\n",
  "/deliver": authorities,
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
