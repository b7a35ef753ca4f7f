/** A thin bridge between node:http and functions from request to answer, so that routes can be tested without a socket. */
import { Buffer } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

export interface ShopRequest {
  method: string;
  /** Normalised ("." and ".." resolved), still percent-encoded. */
  path: string;
  /** Without "?". */
  rawQuery: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** Names and values as repeated on the wire. */
  rawHeaders: [string, string][];
  cookies: Map<string, string>;
  /** The visitor's address, public-looking (client-ip.ts). */
  ip: string;
  /** Host the visitor used. */
  host: string;
  body: Buffer;
}

export interface ShopAnswer {
  status: number;
  headers: [string, string][];
  body: string | Uint8Array;
}

export type BodyRead = { ok: true; body: Buffer } | { ok: false; reason: "too_large" | "aborted" };

/** Reads a request body of at most `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<BodyRead> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving the loop must not tear the socket down: the visitor is still owed a 413.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer;
      size += bytes.length;
      if (size > limit) return { ok: false, reason: "too_large" };
      chunks.push(bytes);
    }
  } catch {
    return { ok: false, reason: "aborted" };
  }
  return { ok: true, body: Buffer.concat(chunks) };
}

export function parseCookies(header: string | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at < 1) continue;
    const name = pair.slice(0, at).trim();
    if (!cookies.has(name)) cookies.set(name, decodeLenient(pair.slice(at + 1).trim()));
  }
  return cookies;
}

/** Percent-decodes; what is not valid percent-encoding stays as it is. */
export function decodeLenient(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Path and query of a request target, whatever form it came in; null when it is not a URL. */
export function splitTarget(target: string): { path: string; rawQuery: string } | null {
  // "//host/path" is a path here, not another host.
  const url = target.startsWith("/") ? `http://shop.invalid${target}` : target;
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  return { path: parsed.pathname, rawQuery: parsed.search.slice(1) };
}

export function pairs(rawHeaders: string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) result.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  return result;
}

export function respond(response: ServerResponse, answer: ShopAnswer, bodyless: boolean): void {
  const headers = new Map<string, string | string[]>();
  for (const [name, value] of answer.headers) {
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : [before, value].flat());
  }
  for (const [name, value] of headers) response.setHeader(name, value);
  response.writeHead(answer.status);
  response.end(bodyless ? undefined : answer.body);
}

export function json(status: number, text: string): ShopAnswer {
  return {
    status,
    headers: [["content-type", "application/json; charset=utf-8"], ["cache-control", "no-store"]],
    body: text,
  };
}

/** Always 303: the browser follows with GET, so a reload repeats nothing. */
export function seeOther(location: string): ShopAnswer {
  return { status: 303, headers: [["location", location], ["cache-control", "no-store"]], body: "" };
}

/** A path on this shop, or `fallback`: a form field never sends the visitor to another host. */
export function localPath(value: string | null, fallback: string): string {
  return value !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(value) ? value : fallback;
}
