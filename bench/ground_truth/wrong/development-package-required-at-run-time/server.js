"use strict";
const http = require("node:http");
const ms = require("ms");

function problem() {
  const { red } = require("picocolors");
  return `${red("no price")}\n`;
}

const routes = {
  "/": () => `valid for ${ms("2h")} ms\n`,
  "/unknown": problem,
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
