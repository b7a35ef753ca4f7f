import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";

const SOCKETS_PER_HOST = 128;

/**
 * `fetch` for what packages/runtime/src/send.ts asks of it and no more: a POST with a text body, an abort signal, redirects
 * left alone. It is what Node's own fetch is built on, without the web's streams and checks around it, at a fifth of the CPU
 * (measured with `npm run bench -- recovery`; GA4 takes one visitor a request). Connections are kept as fetch keeps them: as
 * long as the vendor says, else 4 s, and one is used again a turn of the event loop after its answer, so that a vendor that
 * closes without a word does not take the next request with it. Errors look like fetch's: a TypeError with a cause.
 */
export function workerFetch(): typeof fetch {
  const dispatcher = new Agent({ connections: SOCKETS_PER_HOST });
  return (async (url: string, { headers, body, signal }: Asked) => {
    try {
      return answer(await request(url, { method: "POST", headers, body, signal, dispatcher }));
    } catch (cause) {
      throw new TypeError("fetch failed", { cause });
    }
  }) as unknown as typeof fetch;
}

interface Asked {
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}

/** As much of a Response as is read of one; the body is not touched before somebody asks. */
function answer({ statusCode, headers: given, body }: Dispatcher.ResponseData): Response {
  // an answer that breaks off is an error of whoever reads it, not of the process
  body.on("error", () => {});
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  let stream: ReadableStream | null = null;
  return {
    status: statusCode,
    headers,
    get body() {
      return stream ??= Readable.toWeb(body) as ReadableStream;
    },
    arrayBuffer: () => body.arrayBuffer(),
  } as unknown as Response;
}
