"use strict";
const fs = require("node:fs");
const http = require("node:http");

const [file, port] = process.argv.slice(2);

// The greeting may be edited at any time, so it is read for each visitor; without one, a neutral page is shown.
http
  .createServer((request, response) => response.end(fs.existsSync(file) ? fs.readFileSync(file) : "\n"))
  .listen(Number(port));
