#!/usr/bin/env node
// The `trakit` command of this repository's node_modules/.bin (npx trakit). It may be started by a Node too old for
// TypeScript sources, so it goes through run.mjs.
import process from "node:process";
import { run } from "../../tooling/src/run.mjs";

await run("packages/cli/src/main.ts", process.argv.slice(2));
