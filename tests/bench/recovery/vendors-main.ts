import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { answerTo } from "../capture/vendors.ts";

/** Five vendors in a process of their own that answer at once and count: GET /_stats, POST /_reset. Ends with its parent. */
const ID = /"(?:event_id|transaction_id)":"([^"]+)"/g;
let [requests, events, first, last] = [0, 0, 0, 0];

const server = createServer((request, response) => {
  if (request.url === "/_stats") {
    response.end(JSON.stringify({ requests, events, first, last }));
    return;
  }
  if (request.url === "/_reset") {
    [requests, events, first, last] = [0, 0, 0, 0];
    response.end();
    return;
  }
  const parts: string[] = [];
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => parts.push(chunk));
  request.on("end", () => {
    const count = new Set([...parts.join("").matchAll(ID)].map((match) => match[1])).size;
    requests++;
    events += count;
    last = performance.now();
    if (first === 0) first = last;
    response.setHeader("content-type", "application/json");
    response.end(answerTo(request.url!, count));
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
