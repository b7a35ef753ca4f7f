import type { Colour, Paint } from "../terminal.ts";

/** What the stack tells while it starts and runs. */
export interface Reporter {
  /** Begins a step; the function it returns ends it, with what is worth knowing. */
  step(label: string): (detail?: string) => void;
  /** A line of a process's output. */
  line(name: string, text: string): void;
  /** Something a person should know. */
  notice(text: string): void;
}

/** Tells nothing: for tests. */
export const SILENT: Reporter = { step: () => () => {}, line() {}, notice() {} };

const COLOURS: Record<string, Colour> = {
  functions: "cyan",
  worker: "magenta",
  sandbox: "yellow",
  shop: "blue",
  postgres: "green",
};

/** Tells people. Output of Postgres goes to its log file only: what it does is nobody's concern until it fails. */
export function terminalReporter(out: (line: string) => void, paint: Paint): Reporter {
  return {
    step(label) {
      const started = performance.now();
      return (detail) => {
        const ms = Math.round(performance.now() - started);
        out(
          `  ${paint("green", "✓")} ${label.padEnd(18)} ${paint("dim", `${String(ms).padStart(6)} ms`)}${
            detail ? `  ${detail}` : ""
          }`,
        );
      };
    },
    line(name, text) {
      if (name !== "postgres") {
        out(`${paint(COLOURS[name] ?? "dim", name.padEnd(9))} ${paint("dim", "│")} ${text}`);
      }
    },
    notice: (text) => out(`${paint("yellow", "!")} ${text}`),
  };
}

/** Tells programs: one JSON object per line. */
export function jsonReporter(out: (line: string) => void): Reporter {
  return {
    step(label) {
      const started = performance.now();
      return (detail) =>
        out(
          JSON.stringify({
            step: label,
            ms: Math.round(performance.now() - started),
            ...(detail ? { detail } : {}),
          }),
        );
    },
    line: (name, text) => out(JSON.stringify({ process: name, line: text })),
    notice: (text) => out(JSON.stringify({ notice: text })),
  };
}
