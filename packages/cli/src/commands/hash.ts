import { hashField } from "@trakit/core/identity/hash-field.ts";
import { type Field, type FieldRules, FIELDS } from "@trakit/core/identity/field-rules.ts";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import type { Command, Io } from "../command.ts";
import { nearest } from "../nearest.ts";
import { CliProblem } from "../problem.ts";
import { lineSplitter } from "../stack/lines.ts";

interface Question {
  rules: FieldRules;
  field: Field;
  value: string | null;
  country: string | null;
}
type Read = { ok: true; question: Question } | { ok: false; error: string };

function unknownWord(what: string, word: unknown, words: readonly string[]): string {
  const meant = typeof word === "string" ? nearest(word, words) : null;
  return `${what} is not one of ${words.join(", ")}${meant ? `; did you mean ${meant}?` : "."}`;
}

/** Checks one question. Errors name what is wrong and never repeat a value: it is somebody's. */
function readQuestion(given: Record<string, unknown>): Read {
  const { platform, field, value, country } = given;
  const rules = typeof platform === "string" ? destination(platform)?.fields : undefined;
  if (rules === undefined) {
    return { ok: false, error: unknownWord('"platform"', platform, PLATFORMS) };
  }
  if (!FIELDS.some((known) => known === field)) {
    return { ok: false, error: unknownWord('"field"', field, FIELDS) };
  }
  if (value !== null && typeof value !== "string") return { ok: false, error: '"value" is not a string.' };
  if (country !== undefined && country !== null && typeof country !== "string") {
    return { ok: false, error: '"country" is not a string.' };
  }
  return {
    ok: true,
    question: { rules, field: field as Field, value, country: country ?? null },
  };
}

function readLine(line: string): Read {
  let given: unknown;
  try {
    given = JSON.parse(line);
  } catch {
    return { ok: false, error: "This line is not JSON." };
  }
  return typeof given === "object" && given !== null && !Array.isArray(given)
    ? readQuestion(given as Record<string, unknown>)
    : { ok: false, error: "This line is not a JSON object." };
}

/** Answers every line with a line, in order. Resolves to the exit code: 1 when some line could not be read. */
async function answerLines(io: Io): Promise<number> {
  let bad = 0;
  const splitter = lineSplitter((line) => {
    if (line.trim() === "") return;
    const read = readLine(line);
    if (read.ok) io.out(JSON.stringify(hashField(read.question.rules, read.question)));
    else {
      bad++;
      io.out(JSON.stringify({ error: read.error }));
    }
  });
  for await (const chunk of io.input()) splitter.push(chunk);
  splitter.end();
  return bad > 0 ? 1 : 0;
}

export const hash: Command = {
  positionals: { min: 0, max: 3 },
  about: [
    "Prints what a platform gets of a personal field: a SHA-256 digest of its normal form, the form in clear, or nothing.",
    `Fields: ${FIELDS.join(", ")}.`,
    "--stdin reads JSON lines {platform, field, value, country?} and answers each with {send, value, normalised}; a line",
    'that cannot be read is answered with {"error": …}, and the exit code is 1 at the end.',
  ].join("\n"),
  options: {
    stdin: { help: "Read JSON lines from standard input." },
    country: { value: "country", help: "Country the value belongs to, for phone, state and zip." },
  },
  examples: [
    "trakit hash meta email Person@Example.com",
    "trakit hash google phone '06 12345678' --country NL",
    `echo '{"platform":"meta","field":"zip","value":"94103-1234","country":"US"}' | trakit hash --stdin`,
  ],
  async run({ io, json, positionals, text, has }) {
    if (has("stdin")) {
      if (positionals.length > 0) {
        throw new CliProblem("--stdin takes no further words.", "Give one or the other.");
      }
      return await answerLines(io);
    }
    if (positionals.length !== 3) {
      throw new CliProblem(
        "trakit hash needs a platform, a field and a value.",
        "Or --stdin, for JSON lines. See trakit hash --help.",
      );
    }
    const [platform, field, value] = positionals;
    const read = readQuestion({ platform, field, value, country: text("country") });
    if (!read.ok) throw new CliProblem(read.error.replaceAll('"', ""), "See trakit hash --help.");
    const answer = hashField(read.question.rules, read.question);
    if (json) io.out(JSON.stringify(answer));
    else if (answer.send === "nothing") io.out(`${platform} gets nothing of this ${field}.`);
    else {
      io.out(
        `${io.paint("dim", answer.send === "digest" ? "normal form " : "in clear    ")} ${answer.normalised}`,
      );
      io.out(`${io.paint("dim", `${platform} gets`.padEnd(12))} ${answer.value}`);
    }
    return 0;
  },
};
