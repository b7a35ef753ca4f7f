/**
 * Loaded before the main module of each Node process of the local stack (`--import`). The stack holds the other end of
 * standard input; when it goes away, even by kill -9, the process is asked to end as if by SIGTERM, and made to
 * when it does not.
 */
import process from "node:process";

const GRACE_MS = 15_000;

function stackIsGone(): void {
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, "SIGTERM");
}

process.stdin.on("end", stackIsGone);
process.stdin.on("error", stackIsGone);
process.stdin.resume();
// the watch alone must not keep a finished process
(process.stdin as { unref?: () => void }).unref?.();
