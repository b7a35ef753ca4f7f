/** The `trakit` command: wires the process to the dispatcher. */
import process from "node:process";
import { dispatch } from "./dispatch.ts";
import { painter } from "./terminal.ts";

const stop = new AbortController();

/** Without this call a signal ends the process, as it should for commands that are quickly done. */
function untilStopped(): AbortSignal {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => stop.abort(signal));
  }
  return stop.signal;
}

// `trakit tail | head` closes our output: that is the end, not an error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exitCode ??= 0;
  stop.abort("EPIPE");
});

async function* input(): AsyncIterable<string> {
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) yield chunk as string;
}

try {
  process.exitCode = await dispatch(process.argv.slice(2), {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    input,
    environment: process.env,
    paint: painter(process.env, process.stdout.isTTY === true),
    terminal: process.stdout.isTTY === true,
    untilStopped,
  });
} catch (error) {
  process.stderr.write(
    `trakit: an error of TrakIt itself:\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = 70;
}
// nothing is under way any more; an idle socket or a paused standard input would keep the process
process.stdin.unref?.();
