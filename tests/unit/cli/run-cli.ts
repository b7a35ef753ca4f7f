import { dispatch } from "@trakit/cli/dispatch.ts";

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs one command line in this process, as main.ts would. */
export async function runCli(
  argv: string[],
  { input = "", environment = {} }: { input?: string; environment?: Record<string, string> } = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await dispatch(argv, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    async *input() {
      // in odd pieces, as a pipe may deliver them
      for (let at = 0; at < input.length; at += 7) yield input.slice(at, at + 7);
    },
    environment,
    paint: (_, text) => text,
    terminal: false,
    untilStopped: () => new AbortController().signal,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}
