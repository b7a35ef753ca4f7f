import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** A log kept to twice this: the present file and the one before. */
const MAX_BYTES = 10 * 1024 * 1024;

export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** Opens a log file; when it is full it becomes `<path>.1` and a new one begins. */
export function openLog(path: string, how: "anew" | "continue"): LogFile {
  let file = openSync(path, how === "anew" ? "w" : "a");
  let size = fstatSync(file).size;
  let open = true;
  return {
    write(line) {
      if (!open) return;
      const text = `${line}\n`;
      if (size > 0 && size + text.length > MAX_BYTES) {
        closeSync(file);
        renameSync(path, `${path}.1`);
        file = openSync(path, "w");
        size = 0;
      }
      size += writeSync(file, text);
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}
