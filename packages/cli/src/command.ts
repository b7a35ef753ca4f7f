import type { Paint } from "./terminal.ts";

/** One option of a command. Names on the command line are kebab-case. */
export interface Option {
  /** Placeholder of its value in the help; absent = a switch. */
  value?: string;
  help: string;
}

/** What a command may touch of the process around it. */
export interface Io {
  /** Writes one line to standard output. */
  out(line: string): void;
  /** Writes one line to standard error. */
  err(line: string): void;
  /** Standard input, as chunks of text. */
  input(): AsyncIterable<string>;
  environment: Record<string, string | undefined>;
  paint: Paint;
  /** Whether standard output is a terminal. */
  terminal: boolean;
  /** For commands that run until Ctrl-C or SIGTERM: from the first call on, those abort the signal instead of ending us. */
  untilStopped(): AbortSignal;
}

/** A parsed command line. */
export interface Input {
  positionals: string[];
  /** The option's value, or null when it was not given. */
  text(option: string): string | null;
  /** Whether the switch was given. */
  has(option: string): boolean;
  /** --json: what is printed is for programs. */
  json: boolean;
  io: Io;
}

/** A command: `packages/cli/src/commands/<words-joined-by-dashes>.ts` exports one. */
export interface Command {
  /** How many positional arguments it takes. */
  positionals: { min: number; max: number };
  /** What it does, in whole sentences. */
  about: string;
  options: Record<string, Option>;
  /** Command lines that work as they stand. */
  examples: string[];
  /** Returns the exit code. */
  run(input: Input): Promise<number>;
}

/** The help of one command. `name` is "shop add", `usage` its positional arguments: "<domain>". */
export function helpText(name: string, usage: string, command: Command): string {
  const options = Object.entries({
    ...command.options,
    json: { help: "Print JSON for programs." },
    help: { help: "Show this." },
  } as Record<string, Option>);
  const left = options.map(([option, { value }]) => `  --${option}${value ? ` <${value}>` : ""}`);
  const wide = Math.max(...left.map((text) => text.length));
  return [
    `trakit ${name}${usage ? ` ${usage}` : ""} [options]`,
    "",
    command.about,
    "",
    "Options:",
    ...options.map(([, { help }], index) => `${left[index]!.padEnd(wide)}  ${help}`),
    ...(command.examples.length
      ? ["", "Examples:", ...command.examples.map((example) => `  ${example}`)]
      : []),
  ].join("\n");
}
