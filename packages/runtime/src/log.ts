/**
 * One JSON line per happening. Fields are codes, counts, ids of ours and durations: never a token, a digest, an IP
 * address, a payload or anything of a person.
 */
export type LogFields = Record<
  string,
  string | number | boolean | null | undefined | Record<string, string | number>
>;

export interface Logger {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Writes lines through `write`, stamped by `now` (ms since the epoch). */
export function createLogger(write: (line: string) => void, now: () => number): Logger {
  const line = (level: string) => (event: string, fields: LogFields = {}) =>
    write(JSON.stringify({ at: new Date(now()).toISOString(), level, event, ...fields }));
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

/**
 * What may be said of an unexpected error: its name, its code and where it was thrown. Messages are left out, because
 * drivers and parsers quote the data they choked on.
 */
export function errorFields(error: unknown): LogFields {
  const { name, code, stack } = (error ?? {}) as { name?: unknown; code?: unknown; stack?: unknown };
  const frames = typeof stack === "string"
    ? stack.split("\n").filter((frame) => /^\s+at /.test(frame)).slice(0, 4)
    : [];
  return {
    error: typeof name === "string" ? name : typeof error,
    code: typeof code === "string" ? code : null,
    thrown_at: frames.map((frame) =>
      frame.trim().replace(/(?<!\S)\(?(?:file:\/\/)?\/[^\s)]*\/(packages|functions)\//, "($1/")
    ).join(" < "),
  };
}
