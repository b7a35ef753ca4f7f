/** Cuts chunks of a stream into lines; what has no line break yet waits, but never more than `most` characters of it. */
export function lineSplitter(
  onLine: (line: string) => void,
  most = Infinity,
): { push(chunk: string): void; end(): void } {
  let rest = "";
  return {
    push(chunk) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(line.replace(/\r$/, ""));
      if (rest.length > most) {
        onLine(rest);
        rest = "";
      }
    },
    end() {
      if (rest) onLine(rest);
      rest = "";
    },
  };
}
