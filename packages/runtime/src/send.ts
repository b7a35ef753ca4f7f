import { readBody } from "./body.ts";

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

/** Node (undici) names the cause's code; Deno (hyper) says in words in which phase it failed. */
const NEVER_CONNECTED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS|client error \(Connect\)|dns error|tcp connect error|invalid peer certificate/;

/**
 * Sends one request: at most `timeoutMs` until the whole answer is here, redirects are not followed (a vendor does not move;
 * a token must not follow one), an answer is read up to 1 MiB. Never throws for what the network does.
 */
export async function send(
  request: OutgoingRequest,
  options: { fetch: typeof fetch; timeoutMs: number; now: () => number },
): Promise<Sent> {
  const started = options.now();
  const elapsed = () => Math.max(0, Math.round(options.now() - started));
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeoutMs);
  try {
    const response = await options.fetch(request.url, {
      method: request.method,
      // short answers: not worth unpacking, and a length that is the body's own
      headers: { ...request.headers, "accept-encoding": "identity" },
      body: request.body,
      redirect: "manual",
      signal: abort.signal,
    });
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
    const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
    const words = `${message ?? ""} ${cause?.code ?? ""} ${cause?.message ?? ""}`;
    if (NEVER_CONNECTED.test(words)) return { kind: "not_sent", reason: "not_connected", ms: elapsed() };
    return { kind: "in_doubt", reason: "connection_lost", ms: elapsed() };
  } finally {
    clearTimeout(timer);
  }
}

/** The body as text, cut at the limit: a status line with endless words is still an answer. Null = it broke off. */
async function readAnswer(response: Response): Promise<{ text: string; cut: boolean } | null> {
  const body = await readBody(response, ANSWER_LIMIT);
  if (body.ok) return { text: new TextDecoder().decode(body.bytes), cut: false };
  return body.reason === "too_large" ? { text: "", cut: true } : null;
}
