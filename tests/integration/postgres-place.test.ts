/** Where the embedded Postgres goes when folders are ones that only root may enter, as root's own home is. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { postgresFolder } from "@trakit/cli/stack/paths.ts";
import { createCluster } from "@trakit/cli/stack/postgres.ts";
import { clusterFolder, postgresPlace } from "@trakit/cli/stack/postgres-place.ts";

// anybody else runs Postgres as themselves, in folders of their own
const isRoot = process.getuid?.() === 0;

let open: string;
let rootOnly: string;

beforeEach(() => {
  open = mkdtempSync(join(tmpdir(), "trakit-place-"));
  chmodSync(open, 0o755);
  rootOnly = join(open, "root");
  mkdirSync(rootOnly, { mode: 0o700 });
});
afterEach(() => {
  for (const folder of [open, rootOnly]) {
    rmSync(clusterFolder(join(folder, "data")), { recursive: true, force: true });
  }
  rmSync(open, { recursive: true });
});

/** Makes a cluster at that place and lets its server say its version: both as the user the place names. */
function works(place: ReturnType<typeof postgresPlace>): boolean {
  createCluster(place, false);
  const { status } = spawnSync(join(place.binaries, "bin", "postgres"), ["-D", place.data, "-C", "port"], {
    ...place.user && { uid: place.user.uid, gid: place.user.gid },
    cwd: "/",
  });
  return status === 0;
}

describe.skipIf(!isRoot)("in a folder that only root may enter", () => {
  test("binaries are used from a copy, and the cluster stays where it is wanted", () => {
    const hidden = join(rootOnly, "package", "native");
    cpSync(dirname(postgresFolder()), dirname(hidden), { recursive: true, verbatimSymlinks: true });
    const place = postgresPlace(join(open, "data"), hidden);
    expect(place).toMatchObject({ data: join(open, "data", "postgres"), notice: null });
    expect(place.binaries).not.toBe(hidden);
    expect(works(place)).toBe(true);
  });

  test("a cluster goes elsewhere, the data folder leads to it, and a person is told", () => {
    const data = join(rootOnly, "data");
    const place = postgresPlace(data);
    expect(place.data.startsWith(rootOnly)).toBe(false);
    expect(clusterFolder(data)).toBe(place.data);
    expect(place.notice).toContain(place.data);
    expect(works(place)).toBe(true);
    // the next start finds it again
    expect(postgresPlace(data)).toEqual(place);
  });
});
