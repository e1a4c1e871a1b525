import { createServer } from "node:http";
import { nanoid } from "nanoid";
import { request } from "undici";

const routes = {
  "/items": process.env.CATALOG ?? "http://catalog:8001",
  "/orders": process.env.ORDERS ?? "http://orders:8002",
};

createServer(async (incoming, outgoing) => {
  const id = nanoid(8);
  if (incoming.url === "/health") {
    outgoing.writeHead(200, { "content-type": "application/json" });
    return outgoing.end(JSON.stringify({ status: "ok", id }));
  }
  const upstream = routes[incoming.url.split("?")[0]];
  if (!upstream) {
    outgoing.writeHead(404);
    return outgoing.end();
  }
  try {
    const answer = await request(upstream + incoming.url);
    outgoing.writeHead(answer.statusCode, { "content-type": "application/json", "x-request-id": id });
    outgoing.end(await answer.body.text());
  } catch {
    outgoing.writeHead(502);
    outgoing.end();
  }
}).listen(8080, "0.0.0.0");
