/**
 * JSON without rounded ids. Shopify's numeric ids exceed 2^53: `JSON.parse` turns its own sample order id
 * 820982911946154508 into 820982911946154500 (reference: shopify §0.10).
 */

const LONG = 16;
const TOKEN_START = /["\d-]/g;
const NUMBER = /-?\d[\d.eE+-]*/y;
const INTEGER = /^-?\d+$/;

const isDigit = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
};

/** Whether 16 digits stand in a row. One of them stands at every 16th place, so only those are looked at. */
function hasLongRun(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text, at)) continue;
    let start = at;
    while (isDigit(text, start - 1)) start--;
    let end = at + 1;
    while (isDigit(text, end)) end++;
    if (end - start >= LONG) return true;
  }
  return false;
}

/** Index just behind the string whose opening quote is at `start`; the text is known to be valid JSON. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  for (;;) {
    end = text.indexOf('"', end);
    if (end < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    end++;
    if (backslashes % 2 === 0) return end;
  }
}

/** Valid JSON with every integer a double cannot hold written as a string. */
function quoteUnsafeIntegers(text: string): string {
  let result = "";
  let copied = 0;
  TOKEN_START.lastIndex = 0;
  for (let start = TOKEN_START.exec(text); start !== null; start = TOKEN_START.exec(text)) {
    if (start[0] === '"') {
      TOKEN_START.lastIndex = endOfString(text, start.index);
      continue;
    }
    NUMBER.lastIndex = start.index;
    const number = NUMBER.exec(text)?.[0] ?? start[0];
    TOKEN_START.lastIndex = start.index + number.length;
    if (number.length < LONG || !INTEGER.test(number) || Number.isSafeInteger(Number(number))) continue;
    result += `${text.slice(copied, start.index)}"${number}"`;
    copied = start.index + number.length;
  }
  return result + text.slice(copied);
}

/**
 * `JSON.parse`, but integers beyond ±(2^53 − 1) come back as strings with all their digits. Everything else is as
 * native, decimals included; a key `__proto__` is an own property and changes no prototype. Only a text with a run of
 * 16 digits pays for it. Malformed text is a value, not an exception; it says nothing of the text (personal data).
 */
export function parseJson(
  text: string,
): { ok: true; value: unknown } | { ok: false; reason: "malformed_json" } {
  try {
    // Native first: it alone decides what is JSON, so that the rewriting only ever sees a valid text.
    const value: unknown = JSON.parse(text);
    return { ok: true, value: hasLongRun(text) ? JSON.parse(quoteUnsafeIntegers(text)) : value };
  } catch {
    return { ok: false, reason: "malformed_json" };
  }
}
