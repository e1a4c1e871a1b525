import { createServer } from "node:http";
import { nanoid } from "nanoid";

createServer((request, response) => response.end(nanoid())).listen(3000);
