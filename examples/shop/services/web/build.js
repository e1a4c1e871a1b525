import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { marked } from "marked";

mkdirSync("dist", { recursive: true });
const body = marked.parse(readFileSync("src/index.md", "utf8"));
writeFileSync("dist/index.html", `<!doctype html><meta charset="utf-8"><title>Shop</title>${body}\n`);
