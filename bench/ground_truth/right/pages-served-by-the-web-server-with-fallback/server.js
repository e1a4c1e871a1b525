"use strict";
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

// Every address that is no file belongs to the application in the browser.
http
  .createServer((request, response) => {
    const wanted = path.join("public", path.normalize(request.url));
    const found = fs.existsSync(wanted) && fs.statSync(wanted).isFile();
    response.setHeader("Content-Type", wanted.endsWith(".css") ? "text/css" : "text/html");
    response.end(fs.readFileSync(found ? wanted : "public/index.html"));
  })
  .listen(8080);
