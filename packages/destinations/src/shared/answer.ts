/** Reading vendors' answers: pieces every `classify` shares. */

const DAY_MS = 24 * 60 * 60 * 1000;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** Read at most this much of a vendor's text before masking: bounds the time the patterns can take. */
const READ_LIMIT = 2000;
const WORDS_LIMIT = 300;

function httpDate(text: string): number | null {
  if (!HTTP_DATE.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/**
 * How long the answer asks us to wait, in ms, 0 to 24 hours; null where it does not say or says nonsense.
 * `Retry-After` is seconds or an HTTP date (RFC 9110 §10.2.3); a date is read relative to the answer's own `date`
 * header, so that neither our clock nor the vendor's being wrong matters. Header names in lower case.
 */
export function retryAfterMs(headers: Record<string, string>): number | null {
  const text = (headers["retry-after"] ?? "").trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, DAY_MS);
  const until = httpDate(text);
  const answered = httpDate((headers["date"] ?? "").trim());
  if (until === null || answered === null) return null;
  return Math.min(Math.max(until - answered, 0), DAY_MS);
}

/**
 * A vendor's words for people to read: one line of at most 300 characters in which what could be personal or secret is
 * masked (email addresses, IP addresses, digests, tokens, runs of 7 or more digits as in phone numbers). Vendors quote
 * the offending value back. Null when there is nothing to say.
 */
export function vendorWords(text: string | null | undefined): string | null {
  if (!text) return null;
  // A word cut in half by the limit might no longer be recognised, so it goes.
  const read = text.length > READ_LIMIT ? wholeWords(text.slice(0, READ_LIMIT)) : text;
  const masked = read
    // deno-lint-ignore no-control-regex
    .replace(/[\u0000-\u001f\u007f\s]+/g, " ")
    .replace(/(?<![^\s"'<>(),;:=[\]{}])[^\s"'<>(),;:=[\]{}]+@[^\s"'<>(),;:=[\]{}]+/g, "[email]")
    .replace(/\b(?:[0-9a-f]{32,})\b/gi, "[digest]")
    .replace(/(?<![\w-])(?=[A-Za-z_-]*\d)[\w-]{32,}/g, "[token]")
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, "[ip]")
    .replace(/\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]*[0-9a-f]\b/gi, "[ip]")
    .replace(/\+?\d(?:[ ().-]{0,2}\d){6,}/g, "[digits]")
    .trim();
  if (masked === "") return null;
  return masked.length > WORDS_LIMIT ? `${masked.slice(0, WORDS_LIMIT - 1)}…` : masked;
}

/** The text up to its last blank: what stands behind it may go on. */
function wholeWords(text: string): string {
  let end = text.length;
  while (end > 0 && !/\s/.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** The body as JSON, or null where it is not JSON (a proxy's HTML page, an empty answer). */
export function jsonBody(body: string): unknown {
  // GA4's every answer; an exception costs more than all else that is done with it
  if (body === "") return null;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
