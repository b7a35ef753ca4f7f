import { Buffer } from "node:buffer";
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as SecureAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";

/** Longer than a vendor's pauses between batches; the vendor's own `Keep-Alive: timeout` is honoured where it is shorter. */
const IDLE_MS = 30_000;
const SOCKETS_PER_HOST = 128;

/**
 * `fetch` over node:http with kept connections, for what packages/runtime/src/send.ts asks of it and no more: a POST with a
 * text body, an abort signal, redirects left alone. Node's own fetch costs about three times the CPU of a small request
 * (measured with `npm run bench -- recovery`), and GA4 takes one visitor a request. Errors look like fetch's: a TypeError
 * with the socket's error as its cause.
 */
export function keepAliveFetch(): typeof fetch {
  const options = {
    keepAlive: true,
    maxSockets: SOCKETS_PER_HOST,
    keepAliveMsecs: IDLE_MS,
    timeout: IDLE_MS,
  };
  const agents = { "http:": new Agent(options), "https:": new SecureAgent(options) };

  return ((input: string, init: { headers: Record<string, string>; body: string; signal: AbortSignal }) =>
    new Promise<Response>((resolve, reject) => {
      const url = new URL(input);
      const length = Buffer.byteLength(init.body);
      const secure = url.protocol === "https:";
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: "POST",
        agent: agents[secure ? "https:" : "http:"],
        headers: { ...init.headers, "content-length": length },
        signal: init.signal,
      }, (message) => resolve(answer(message)));
      request.on("error", (cause) => reject(new TypeError("fetch failed", { cause })));
      // as text: head and body then leave in one write
      request.end(init.body);
    })) as unknown as typeof fetch;
}

/** As much of a Response as is read of one; the body is not touched before somebody asks. */
function answer(message: IncomingMessage): Response {
  // an answer that breaks off is an error of whoever reads it, not of the process
  message.on("error", () => {});
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    headers.append(message.rawHeaders[at]!, message.rawHeaders[at + 1]!);
  }
  let stream: ReadableStream | null = null;
  return {
    status: message.statusCode ?? 0,
    headers,
    get body() {
      return stream ??= Readable.toWeb(message) as ReadableStream;
    },
    async arrayBuffer() {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk as Buffer);
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      return all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength);
    },
  } as unknown as Response;
}
