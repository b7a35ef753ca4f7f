/** For tests that replace any part of a payload. */

/** Path of every value in a JSON value, the whole excluded. */
export function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, one]) => pathsOf(one, [...path, key]));
  return path.length > 0 ? [path, ...inner] : inner;
}

/** Puts `value` at a path, unless an earlier change removed the way to it. */
// deno-lint-ignore no-explicit-any
export function replaceAt(root: any, path: string[], value: unknown): void {
  let at = root;
  for (const key of path.slice(0, -1)) {
    at = at?.[key];
    if (typeof at !== "object" || at === null) return;
  }
  at[path.at(-1) ?? ""] = value;
}

/** NUL or a lone surrogate in the text of a JSON value: Postgres refuses both. */
export const UNSTORABLE = /\\u0000|\\ud[89a-f]/i;
