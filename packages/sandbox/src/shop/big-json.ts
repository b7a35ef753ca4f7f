/**
 * JSON whose ids may exceed 2^53 (reference: shopify §0.10): bigints are written as plain digits and whole
 * numbers that a double would round are read as bigints.
 */

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

interface JsonWithSource {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
}
// Node 22 and Deno 2 have the "JSON.parse source text access" proposal; TypeScript's es2023 library does not know it.
const json = JSON as unknown as JsonWithSource;

/** Serialises `value`; a bigint becomes its digits, unquoted, as Shopify sends ids. */
export function stringifyBig(value: unknown, space?: number): string {
  return JSON.stringify(
    value,
    (_key, part) => typeof part === "bigint" ? json.rawJSON(part.toString()) : part,
    space,
  );
}

/** Parses `text`; whole numbers outside ±2^53 come back as bigint. Throws SyntaxError on malformed JSON. */
export function parseBig(text: string): unknown {
  return json.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return context.source !== undefined && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
  });
}
