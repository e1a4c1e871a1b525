const http = require("node:http");
const ms = require("ms");
const { countBy } = require("lodash");

const sent = [];
setInterval(() => sent.push(Math.random() < 0.5 ? "mail" : "push"), ms(process.env.EVERY ?? "5s"));

http
  .createServer((_, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ status: "ok", sent: countBy(sent) }));
  })
  .listen(8005, "0.0.0.0");
