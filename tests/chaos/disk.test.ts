/**
 * The database's disk is full, under load: what was accepted before is kept, what comes is refused so that Shopify sends it
 * again, and all is delivered once there is room. The cluster is put on a small memory file system, which takes root.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterFolder } from "@trakit/cli/stack/postgres-place.ts";
import { allDelivered, healthy, startLoad } from "../support/load.ts";
import { dataFolder, type TestStack, testStack, until } from "../support/stack.ts";

/** Room for the cluster while all is well. */
const ROOM_MB = 1_024;
/** Left when the disk is about to be full: some seconds of load. */
const LEFT_MB = 3;

function mount(...args: string[]): string | null {
  const { status, stderr, error } = spawnSync("mount", args, { encoding: "utf8" });
  return status === 0 ? null : error?.message ?? stderr.trim();
}

function whyNot(): string | null {
  if (process.platform !== "linux") return "only Linux has tmpfs";
  const probe = mkdtempSync(join(tmpdir(), "trakit-mount-"));
  const problem = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", probe);
  if (problem === null) spawnSync("umount", [probe]);
  rmdirSync(probe);
  return problem && `a file system cannot be mounted here (${problem})`;
}

const reason = whyNot();
// no package that could be installed: what a machine does not allow, no switch can ask of it
const skipped = reason !== null;
if (skipped) process.stdout.write(`tests/chaos/disk skipped: ${reason}.\n`);

let data: Awaited<ReturnType<typeof dataFolder>>;
let running: TestStack | undefined;
let cluster: string | undefined;

/** Moves the stack's cluster to a file system of its own. */
async function ontoSmallDisk({ stack }: TestStack): Promise<string> {
  await stack.stop("postgres");
  const folder = clusterFolder(data.path);
  const aside = `${folder}.aside`;
  renameSync(folder, aside);
  mkdirSync(folder);
  const problem = mount("-t", "tmpfs", "-o", `size=${ROOM_MB}m`, "tmpfs", folder);
  if (problem !== null) throw new Error(problem);
  // owner and modes too, of the folder itself as well
  const copied = spawnSync("cp", ["-a", `${aside}/.`, folder], { encoding: "utf8" });
  if (copied.status !== 0) throw new Error(copied.stderr);
  rmSync(aside, { recursive: true });
  await stack.restart("postgres");
  return folder;
}

/** Gives the disk so much room beside what is on it. */
function leave(folder: string, megabytes: number): void {
  const { bsize, blocks, bfree } = statfsSync(folder);
  const size = (blocks - bfree) * bsize + megabytes * 2 ** 20;
  const problem = mount("-o", `remount,size=${size}`, folder);
  if (problem !== null) throw new Error(problem);
}

beforeAll(async () => {
  if (skipped) return;
  data = await dataFolder();
  running = await testStack(data.path);
  cluster = await ontoSmallDisk(running);
});
afterAll(async () => {
  await running?.close();
  if (cluster) spawnSync("umount", [cluster]);
  await data?.remove();
});

test.skipIf(skipped)(
  "a full disk under the database: nothing accepted is lost, and all is delivered when there is room again",
  async () => {
    const stack = running!;
    await until(() => healthy(stack), "healthy on the small disk");
    const load = startLoad(stack);
    await until(() => load.accepted.size >= 20, "load");
    leave(cluster!, LEFT_MB);
    // the room that is left is used up; then nothing is accepted any more
    const full = async (size = load.accepted.size, refused = load.refused()) => {
      await until(() => load.refused() >= refused + 15 || load.accepted.size > size, "an answer");
      return load.accepted.size === size;
    };
    await until(() => full(), "a full disk");
    const before = load.accepted.size;
    leave(cluster!, ROOM_MB);
    await until(() => healthy(stack), "healthy with room again");
    await until(() => load.accepted.size >= before + 20, "load goes on");
    await load.stop();
    const found = await allDelivered(stack, load.accepted);
    process.stdout.write(
      `chaos: full disk after ${before} accepted, ${load.refused()} refused, ${load.accepted.size} in the end; ${
        JSON.stringify(found)
      }\n`,
    );
    expect(found.delivered).toBeGreaterThanOrEqual(load.accepted.size);
  },
  600_000,
);
