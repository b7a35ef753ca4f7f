/**
 * Small checks all vendors share. A check says what a value should have been, or null when it is fine, and
 * never repeats the value: problems are shown to people and kept in memory.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { Answer, SeenEvent } from "./types.ts";

/** Null when the value is fine, else a noun: what it is not ("string", "SHA-256 digest"). */
export type Check = (value: unknown) => string | null;
export type Fields = Readonly<Record<string, Check>>;
export type Path = readonly (string | number)[];
export type JsonObject = Record<string, unknown>;

/** One thing wrong with a request. `what` is the noun of a failed check; `code` is the vendor's own, if known. */
export interface Finding {
  path: Path;
  kind: "required" | "unknown" | "invalid";
  what: string;
  code?: number;
}

/** More findings than this tell nobody anything. */
export const MAX_FINDINGS = 50;

/** SHA-256 of the empty string: a digest in form that matches nobody (reference: meta §4). */
const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const DIGEST = /^[0-9a-f]{64}$/;
const ANY_DIGEST = /^[0-9a-f]{64}$|^[0-9a-f]{32}$/i;
/** Of the engine's ICU data; includes codes no longer in use, so it is lenient by a few. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isDigest(value: unknown): boolean {
  return typeof value === "string" && DIGEST.test(value) && value !== EMPTY_DIGEST;
}

export const anything: Check = () => null;
export const string: Check = (value) => typeof value === "string" ? null : "string";
export const filled: Check = (value) => typeof value === "string" && value !== "" ? null : "non-empty string";
export const number: Check = (value) => typeof value === "number" ? null : "number";
/** Money: none of the references knows a vendor that takes a negative amount, so it is refused. */
export const amount: Check = (value) =>
  typeof value === "number" && value >= 0 ? null : "number of at least 0";
export const integer: Check = (value) => Number.isInteger(value) ? null : "integer";
export const units: Check = (value) =>
  Number.isInteger(value) && Number(value) >= 0 ? null : "integer of at least 0";
export const boolean: Check = (value) => typeof value === "boolean" ? null : "boolean";
export const object: Check = (value) => isObject(value) ? null : "object";
export const strings: Check = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? null : "array of strings";
export const digest: Check = (value) => isDigest(value) ? null : "SHA-256 digest";
export const currency: Check = (value) =>
  typeof value === "string" && CURRENCIES.has(value) ? null : "ISO 4217 currency in upper case";
export const ip: Check = (value) => typeof value === "string" && isIP(value) !== 0 ? null : "IP address";
export const url: Check = (value) =>
  typeof value === "string" && /^https?:\/\//i.test(value) && URL.canParse(value) ? null : "absolute URL";
/** What must travel in clear: a digest here is the mistake of hashing what is never hashed. */
export const clear: Check = (value) =>
  typeof value === "string" && value !== "" && !ANY_DIGEST.test(value) ? null : "text in clear";

export function digests(value: unknown): string | null {
  const fine = Array.isArray(value) ? value.length > 0 && value.every(isDigest) : isDigest(value);
  return fine ? null : "SHA-256 digest";
}

/** An array of digests; vendors that take no bare string. */
export function digestArray(value: unknown): string | null {
  return Array.isArray(value) && value.length > 0 && value.every(isDigest)
    ? null
    : "array of SHA-256 digests";
}

export function oneOf(...values: (string | number)[]): Check {
  const allowed = new Set<unknown>(values);
  return (value) => allowed.has(value) ? null : `choice of ${values.join(", ")}`;
}

export function matching(pattern: RegExp, what: string): Check {
  return (value) => typeof value === "string" && pattern.test(value) ? null : what;
}

export function nullable(check: Check): Check {
  return (value) => value === null ? null : check(value);
}

/** Runs the check of each present field. Fields without one are findings, unless `open`. */
export function checkFields(
  value: JsonObject,
  fields: Fields,
  path: Path,
  out: Finding[],
  open = false,
): void {
  for (const key of Object.keys(value)) {
    const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (check === undefined) {
      if (!open) out.push({ path: [...path, key], kind: "unknown", what: "known field" });
      continue;
    }
    const what = check(value[key]);
    if (what !== null) out.push({ path: [...path, key], kind: "invalid", what });
  }
}

/** Adds a finding for each field that is absent. */
export function checkRequired(
  value: JsonObject,
  names: readonly string[],
  path: Path,
  out: Finding[],
): void {
  for (const name of names) {
    if (value[name] === undefined) out.push({ path: [...path, name], kind: "required", what: "value" });
  }
}

/** `data[0].user_data.em`. */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, part) => typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`,
    "",
  );
}

/** A finding as a sentence without values. Unknown keys are the sender's words, so they are cut. */
export function describe(finding: Finding): string {
  const where = pathText(finding.path).slice(0, 200) || "body";
  if (finding.kind === "required") return `${where}: required`;
  if (finding.kind === "unknown") return `${where}: unknown field`;
  return `${where}: not a valid ${finding.what}`;
}

export function describeAll(findings: readonly Finding[]): string[] {
  return findings.slice(0, MAX_FINDINGS).map(describe);
}

/** Whether the vendor stand-in refuses this token: by convention one that contains "invalid" or "revoked". */
export function tokenRefused(token: string): boolean {
  return /invalid|revoked/i.test(token);
}

export function bearer(headers: IncomingHttpHeaders): string | null {
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? null;
}

export function isJsonType(headers: IncomingHttpHeaders): boolean {
  return /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "");
}

/** Undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** What a gateway in front of an API answers: HTML, not the API's JSON (reference: tiktok §8, meta §8.2). */
export function gatewayPage(status: number): Answer {
  const title = status === 504 ? "504 Gateway Time-out" : "502 Bad Gateway";
  const body = `<html>\r\n<head><title>${title}</title></head>\r\n<body bgcolor="white">\r\n` +
    `<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
  return { status, headers: { "content-type": "text/html" }, body };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Events of a `{ [list]: [{ [name]: …, event_id: … }] }` body, not yet accepted. */
export function listEvents(body: unknown, list: string, name: string): SeenEvent[] {
  const events = isObject(body) ? body[list] : undefined;
  if (!Array.isArray(events)) return [];
  return events.filter(isObject).map((event) => ({
    name: textOrNull(event[name]),
    event_id: textOrNull(event["event_id"]),
    accepted: false,
  }));
}
