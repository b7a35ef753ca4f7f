/** Colours and columns for people. Nothing here decides what is said. */

export type Colour = "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "dim" | "bold";
const CODES: Record<Colour, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
};

export type Paint = (colour: Colour, text: string) => string;

/** Colours only where they help: at a terminal, unless NO_COLOR is set (https://no-color.org); FORCE_COLOR insists. */
export function painter(environment: Record<string, string | undefined>, isTerminal: boolean): Paint {
  const wanted = environment["NO_COLOR"] ? false : environment["FORCE_COLOR"] ? true : isTerminal;
  return (colour, text) => wanted ? `\x1b[${CODES[colour][0]}m${text}\x1b[${CODES[colour][1]}m` : text;
}

// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** Columns as a terminal counts them, near enough for ids and numbers: colours take none. */
export function width(text: string): number {
  return [...text.replace(ESCAPES, "")].length;
}

/** Rows with aligned columns, two blanks apart; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => widths[index] = Math.max(widths[index] ?? 0, width(cell)));
  }
  return rows.map((row) =>
    row.map((cell, index) =>
      index === row.length - 1 ? cell : cell + " ".repeat(widths[index]! - width(cell) + 2)
    )
      .join("").trimEnd()
  ).join("\n");
}

/** Text from a vendor or a shop may hold control characters that move the cursor: they are shown as dots. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "·");
}
