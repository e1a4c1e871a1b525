"use strict";
const fs = require("node:fs");
const { green } = require("picocolors");

// Stands for a bundler: strips empty lines.
const text = fs.readFileSync("src/server.js", "utf8");
fs.mkdirSync("dist", { recursive: true });
fs.writeFileSync("dist/server.js", text.replace(/\n{2,}/g, "\n"));
console.log(green("built"));
