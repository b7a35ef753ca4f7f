import { Buffer } from "node:buffer";
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as SecureAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";

/** Longer than the pauses between batches; the peer's own `Keep-Alive: timeout` is honoured where it is shorter. */
const IDLE_MS = 30_000;
const SOCKETS_PER_HOST = 128;

/**
 * `fetch` for what packages/runtime/src/send.ts asks of it and no more: a POST with a text body, an abort signal, redirects
 * left alone. A host that says it keeps connections is asked over node:http from its second request on, at a third of the
 * CPU (measured with `npm run bench -- recovery`; GA4 takes one visitor a request). Any other stays with `platform`: a
 * connection that is closed without a word takes the next request with it, and leaves it in doubt.
 */
export function keepAliveFetch(platform: typeof fetch): typeof fetch {
  const post = httpPost();
  const keeping = new Set<string>();
  return (async (input: string, init: Parameters<typeof post>[1]) => {
    const { host } = new URL(input);
    const response = await (keeping.has(host) ? post : platform)(input, init);
    if (keeps(response.headers)) keeping.add(host);
    else keeping.delete(host);
    return response;
  }) as unknown as typeof fetch;
}

function keeps(headers: Headers): boolean {
  return headers.has("keep-alive") || headers.get("connection")?.toLowerCase() === "keep-alive";
}

/** A POST over node:http with kept connections. Errors look like fetch's: a TypeError with the socket's error as its cause. */
export function httpPost(): (
  input: string,
  init: { headers: Record<string, string>; body: string; signal: AbortSignal },
) => Promise<Response> {
  const options = {
    keepAlive: true,
    maxSockets: SOCKETS_PER_HOST,
    keepAliveMsecs: IDLE_MS,
    timeout: IDLE_MS,
  };
  const agents = { "http:": new Agent(options), "https:": new SecureAgent(options) };
  return (input, init) =>
    new Promise((resolve, reject) => {
      const url = new URL(input);
      const secure = url.protocol === "https:";
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: "POST",
        agent: agents[secure ? "https:" : "http:"],
        headers: { ...init.headers, "content-length": Buffer.byteLength(init.body) },
        signal: init.signal,
      }, (message) => {
        const response = answer(message);
        if (!keeps(response.headers)) request.shouldKeepAlive = false;
        resolve(response);
      });
      request.on("error", (cause) => reject(new TypeError("fetch failed", { cause })));
      // as text: head and body then leave in one write
      request.end(init.body);
    });
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
