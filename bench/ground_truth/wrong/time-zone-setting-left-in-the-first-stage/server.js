"use strict";
const http = require("node:http");

const receipt = () => `bought ${new Date(Date.UTC(2024, 6, 1, 22, 30)).toLocaleString("en-GB")}\n`;

const routes = {
  "/": () => "ready\n",
  "/receipt": receipt,
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
