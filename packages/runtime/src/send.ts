import { type Message, readBody } from "./body.ts";

/** What a vendor is asked. */
export interface OutgoingRequest {
  method: "POST";
  url: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * - `answer`: the vendor answered (body cut to 1 MiB; `cut` tells).
 * - `not_sent`: no connection was made, so the vendor cannot have it.
 * - `in_doubt`: the request may have been written and no whole answer came.
 */
export type Sent =
  | {
    kind: "answer";
    status: number;
    headers: Record<string, string>;
    body: string;
    cut: boolean;
    ms: number;
  }
  | { kind: "not_sent"; reason: string; ms: number }
  | { kind: "in_doubt"; reason: "timeout" | "connection_lost"; ms: number };

/** Pinterest lists every event of a batch of a thousand, with a warning each: some hundred KB. An endless answer ends here. */
const ANSWER_LIMIT = 1024 * 1024;

/** Node (undici) gives a code, `fetch` one to its cause; Deno (hyper) says in words in which phase it failed. */
const NEVER_CONNECTED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS|client error \(Connect\)|dns error|tcp connect error|invalid peer certificate/;

/** Sends one request. Never throws for what the network does. */
export type SendRequest = (request: OutgoingRequest) => Promise<Sent>;

/** An answer whose body is still to be read. */
export type RawAnswer = Message & { status: number };

/**
 * One request as a client makes it: gives the answer once its head is here, follows no redirect (a vendor does not move; a
 * token must not follow one), ends with the signal, and throws an error with its cause where no answer comes.
 */
export type Exchange = (request: OutgoingRequest, signal: AbortSignal) => Promise<RawAnswer>;

/** The exchange by a `fetch`. */
export function byFetch(fetch: typeof globalThis.fetch): Exchange {
  return ({ url, method, headers, body }, signal) =>
    fetch(url, { method, headers, body, redirect: "manual", signal });
}

/**
 * What sends: every request of ours to a vendor or an operator's address goes this way. At most `timeoutMs` until the whole
 * answer is here, of which 1 MiB is read.
 */
export function createSend(
  exchange: Exchange,
  options: { timeoutMs: number; now: () => number },
): SendRequest {
  return async (request) => {
    const started = options.now();
    const elapsed = () => Math.max(0, Math.round(options.now() - started));
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.timeoutMs);
    try {
      const response = await exchange({
        ...request,
        // short answers: not worth unpacking, and a length that is the body's own
        headers: { ...request.headers, "accept-encoding": "identity" },
      }, abort.signal);
      const body = await readAnswer(response);
      if (body === null) {
        return {
          kind: "in_doubt",
          reason: abort.signal.aborted ? "timeout" : "connection_lost",
          ms: elapsed(),
        };
      }
      const headers: Record<string, string> = {};
      for (const [name, value] of response.headers) headers[name] = value;
      return {
        kind: "answer",
        status: response.status,
        headers,
        body: body.text,
        cut: body.cut,
        ms: elapsed(),
      };
    } catch (error) {
      if (abort.signal.aborted) return { kind: "in_doubt", reason: "timeout", ms: elapsed() };
      const words = [error, (error as { cause?: unknown }).cause].map((one) => {
        const { message, code } = (one ?? {}) as { message?: string; code?: string };
        return `${message ?? ""} ${code ?? ""}`;
      }).join(" ");
      if (NEVER_CONNECTED.test(words)) return { kind: "not_sent", reason: "not_connected", ms: elapsed() };
      return { kind: "in_doubt", reason: "connection_lost", ms: elapsed() };
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The body as text, cut at the limit: a status line with endless words is still an answer. Null = it broke off. */
async function readAnswer(response: RawAnswer): Promise<{ text: string; cut: boolean } | null> {
  const body = await readBody(response, ANSWER_LIMIT);
  if (body.ok) return { text: new TextDecoder().decode(body.bytes), cut: false };
  return body.reason === "too_large" ? { text: "", cut: true } : null;
}
