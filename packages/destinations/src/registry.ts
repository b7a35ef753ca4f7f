/** The platforms TrakIt sends to. A new destination is one folder and one line here. */
import type { Destination } from "./destination.ts";
import { google } from "./google/index.ts";
import { meta } from "./meta/index.ts";
import { pinterest } from "./pinterest/index.ts";
import { reddit } from "./reddit/index.ts";
import { snapchat } from "./snapchat/index.ts";
import { tiktok } from "./tiktok/index.ts";

/** By platform name. Each has its own settings type, so what is parsed by one's schema may only be given to that one. */
// deno-lint-ignore no-explicit-any
export const DESTINATIONS: Record<string, Destination<any>> = {
  meta,
  tiktok,
  pinterest,
  snapchat,
  google,
  reddit,
};

export const PLATFORMS: readonly string[] = Object.keys(DESTINATIONS);

/** The destination of that name, or null: names come from rows, settings and command lines. */
// deno-lint-ignore no-explicit-any
export function destination(platform: string): Destination<any> | null {
  return Object.hasOwn(DESTINATIONS, platform) ? DESTINATIONS[platform] ?? null : null;
}
