/**
 * Starts the vendor stand-ins as a process of their own: the CLI runs this in the local stack.
 * Prints one JSON line, `{"ready":true,"url":…}`, when it listens; SIGTERM and SIGINT close it.
 */
import process from "node:process";
import { z } from "zod";
import { startVendorSandbox } from "./vendors/server.ts";

const DEFAULT_PORT = "54330";

/** Nothing has been promised yet, so a sentence and a non-zero exit are enough. */
function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

const port = z.coerce.number().int().min(0).max(65_535).safeParse(
  process.env["TRAKIT_SANDBOX_PORT"] || DEFAULT_PORT,
);
if (!port.success) fail("TRAKIT_SANDBOX_PORT must be a port number between 0 and 65535.");

try {
  const sandbox = await startVendorSandbox({ port: port.data, now: Date.now });
  process.stdout.write(`${JSON.stringify({ ready: true, url: sandbox.url })}\n`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void sandbox.close().then(() => process.exit(0)));
  }
} catch (error) {
  const code = (error as NodeJS.ErrnoException).code;
  fail(
    code === "EADDRINUSE"
      ? `Port ${port.data} is in use: stop what listens there or set TRAKIT_SANDBOX_PORT to another port.`
      : `The vendor sandbox could not start (${code ?? "unknown error"}).`,
  );
}
