"use strict";
const fs = require("node:fs");
const http = require("node:http");

function addon() {
  const found = JSON.parse(fs.readFileSync("build/Release/fees.node", "utf8"));
  if (found.abi !== process.versions.modules) throw new Error("fees.node was compiled for another Node");
  return found;
}

const routes = {
  "/": () => "ready\n",
  "/fee": () => `${(200 * addon().percent) / 100}\n`,
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
