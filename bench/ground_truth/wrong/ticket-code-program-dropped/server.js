"use strict";
const http = require("node:http");
const path = require("node:path");
const { execFileSync } = require("node:child_process");

const tool = path.join("/usr/bin", ["qr", "encode"].join(""));

const ticket = () => execFileSync(tool, ["-t", "ASCII", "-o", "-", "seat 14"]).toString();

const routes = {
  "/": () => "ready\n",
  "/ticket": ticket,
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
