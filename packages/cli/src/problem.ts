/** Something the person at the terminal can put right: one sentence, and what to do. Everything else thrown is a bug. */
export class CliProblem extends Error {
  override name = "CliProblem";
  /** What to do about it, as a sentence. */
  readonly remedy: string;

  constructor(sentence: string, remedy: string, options?: ErrorOptions) {
    super(sentence, options);
    this.remedy = remedy;
  }
}

/** What the command line was given and cannot use. `usage` names the command whose help explains it. */
export function usageProblem(sentence: string, command: string): CliProblem {
  return new CliProblem(sentence, `See trakit ${command} --help.`.replace("  ", " "));
}
