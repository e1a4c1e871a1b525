"use strict";
const net = require("node:net");

net
  .connect(5672, process.env.QUEUE_HOST)
  .on("connect", () => console.log("working"))
  .on("error", () => {
    console.error("the queue does not answer");
    process.exit(1);
  });
