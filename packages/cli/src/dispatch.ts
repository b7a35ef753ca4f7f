import { parseArgs } from "node:util";
import { type Command, helpText, type Input, type Io } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { nearest } from "./nearest.ts";
import { CliProblem, usageProblem } from "./problem.ts";
import { columns } from "./terminal.ts";

/** The list of commands, as `trakit` alone prints it. */
function overview(): string {
  return [
    "trakit <command> [options]",
    "",
    "Commands:",
    columns(COMMANDS.map(({ name, usage, summary }) => [`  ${name}${usage ? ` ${usage}` : ""}`, summary])),
    "",
    "Every command has --help and --json.",
  ].join("\n");
}

/** Finds the command whose words begin the command line; the longest name wins. */
function find(words: readonly string[]): (typeof COMMANDS)[number] | null {
  const matches = COMMANDS.filter(({ name }) =>
    name.split(" ").every((word, index) => words[index] === word)
  );
  return matches.sort((a, b) => b.name.length - a.name.length)[0] ?? null;
}

function unknownCommand(words: readonly string[]): CliProblem {
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `)).map(({ name }) => name);
  if (group.length > 0 && words.length === 1) {
    return new CliProblem(
      `trakit ${words[0]} needs one more word.`,
      `Use ${group.map((name) => `trakit ${name}`).join(" or ")}.`,
    );
  }
  const names = COMMANDS.map(({ name }) => name);
  const meant = nearest(words.slice(0, 2).join(" "), names) ??
    nearest(words[0]!, [...names, ...names.map((name) => name.split(" ")[0]!)]) ??
    group[0] ?? null;
  return new CliProblem(
    `There is no command "${words.slice(0, group.length > 0 ? 2 : 1).join(" ")}".`,
    meant ? `Did you mean trakit ${meant}?` : "Run trakit --help for the list.",
  );
}

/** Words of the command line up to the first option: what a command's name is looked for in. */
function leadingWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith("-"));
  return argv.slice(0, end === -1 ? undefined : end);
}

/** Turns the driver's complaint about an option into our sentence. */
function parseProblem(error: unknown, name: string, command: Command): CliProblem {
  const { code, message } = error as { code?: string; message: string };
  const option = /'(--?[^\s'=<]+)/.exec(message)?.[1] ?? null;
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION" && option) {
    const meant = nearest(option.replace(/^-+/, ""), [...Object.keys(command.options), "json", "help"]);
    return usageProblem(
      `trakit ${name} has no option ${option}${meant ? `; did you mean --${meant}?` : "."}`.replace(
        "?.",
        "?",
      ),
      name,
    );
  }
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE" && option) {
    const long = /--([a-z-]+)/.exec(message)?.[1] ?? "";
    const takesValue = Boolean(command.options[long]?.value);
    return usageProblem(
      takesValue
        ? `The option --${long} needs a value (one that begins with a dash is written --${long}=<value>).`
        : `The option ${option} takes no value.`,
      name,
    );
  }
  return usageProblem("The command line could not be read.", name);
}

function parse(name: string, command: Command, argv: readonly string[], io: Io): Input & { help: boolean } {
  const options: Record<string, { type: "string" | "boolean" }> = {
    json: { type: "boolean" },
    help: { type: "boolean" },
  };
  for (const [option, { value }] of Object.entries(command.options)) {
    options[option] = { type: value ? "string" : "boolean" };
  }
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw parseProblem(error, name, command);
  }
  const { values, positionals } = parsed;
  return {
    positionals,
    text: (option) => typeof values[option] === "string" ? values[option] : null,
    has: (option) => values[option] === true,
    json: values["json"] === true,
    help: values["help"] === true,
    io,
  };
}

async function execute(argv: readonly string[], io: Io): Promise<number> {
  const words = leadingWords(argv);
  if (words.length === 0) {
    const other = argv.find((word) => !["--help", "-h", "--json", "--version"].includes(word));
    if (other !== undefined) {
      throw new CliProblem(
        `The command line begins with the option ${other}.`,
        "Name a command first: trakit --help lists them.",
      );
    }
    if (argv.includes("--version")) {
      const { VERSION } = await import("@trakit/runtime/version.ts");
      io.out(argv.includes("--json") ? JSON.stringify({ version: VERSION }) : VERSION);
      return 0;
    }
    io.out(
      argv.includes("--json")
        ? JSON.stringify(COMMANDS.map(({ name, usage, summary }) => ({ name, usage, summary })))
        : overview(),
    );
    return argv.includes("--help") || argv.includes("-h") ? 0 : 1;
  }
  const entry = find(words);
  if (!entry) {
    if (argv.includes("--help")) {
      const group = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `));
      if (group.length > 0) {
        io.out(columns(group.map(({ name, usage, summary }) => [`trakit ${name} ${usage}`, summary])));
        return 0;
      }
    }
    throw unknownCommand(words);
  }
  const command = await entry.load();
  const input = parse(entry.name, command, argv.slice(entry.name.split(" ").length), io);
  if (input.help) {
    io.out(helpText(entry.name, entry.usage, command));
    return 0;
  }
  const { min, max } = command.positionals;
  if (input.positionals.length < min) {
    throw usageProblem(`trakit ${entry.name} needs ${entry.usage}.`, entry.name);
  }
  if (input.positionals.length > max) {
    throw usageProblem(
      `trakit ${entry.name} does not know what to do with "${input.positionals[max]}".`,
      entry.name,
    );
  }
  return await command.run(input);
}

/** An expected failure as a sentence and what to do; null = a bug. */
function explain(error: unknown): { error: string; remedy: string } | null {
  if (error instanceof CliProblem) return { error: error.message, remedy: error.remedy };
  // known by name: their modules bring zod and the driver along, which a command such as `hash` need not wait for
  const { name, message, cause, code } = (error ?? {}) as {
    name?: unknown;
    message?: string;
    cause?: { code?: string; message?: string };
    code?: unknown;
  };
  if (name === "SettingsError") {
    return {
      error: message ?? "",
      remedy: "Correct it in the environment; for the local stack it may be left unset.",
    };
  }
  if (name === "DatabaseUnavailable") {
    return {
      error: `The database is out of reach (${cause?.code ?? cause?.message ?? "no answer"}).`,
      remedy: "Start the local stack with npm start, or check TRAKIT_DB_SESSION_URL.",
    };
  }
  // what Postgres itself refuses; its message may quote data, its code does not
  if (code === "28P01" || code === "28000" || code === "3D000") {
    return {
      error: `The database refuses the login (${code}).`,
      remedy: "Run trakit migrate, which sets the roles' passwords, or check TRAKIT_DB_SESSION_URL.",
    };
  }
  if (code === "42883" || code === "3F000" || code === "42P01" || code === "42501") {
    return {
      error: `The database does not have TrakIt's functions, or not for this role (${code}).`,
      remedy: "Run trakit migrate.",
    };
  }
  return null;
}

/** Runs one command line and returns the exit code. Prints expected failures; throws only on bugs. */
export async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await execute(argv, io);
  } catch (error) {
    const explained = explain(error);
    if (!explained) throw error;
    if (argv.includes("--json")) io.err(JSON.stringify(explained));
    else io.err(`${io.paint("red", "✗")} ${explained.error}\n  ${explained.remedy}`);
    return 1;
  }
}
