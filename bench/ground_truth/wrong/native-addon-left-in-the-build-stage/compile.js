"use strict";
// Stands for a native build: what it writes depends on the platform and is not in the repository.
const fs = require("node:fs");

fs.mkdirSync("build/Release", { recursive: true });
fs.writeFileSync("build/Release/fees.node", JSON.stringify({ abi: process.versions.modules, percent: 3 }));
