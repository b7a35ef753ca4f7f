/** The vendors the sandbox stands in for. A new one is a file of its own, its name in names.ts, and two words here. */
import { google } from "./google.ts";
import { meta } from "./meta.ts";
import { pinterest } from "./pinterest.ts";
import { reddit } from "./reddit.ts";
import { snapchat } from "./snapchat.ts";
import { tiktok } from "./tiktok.ts";
import type { VendorName } from "./names.ts";
import type { Vendor } from "./types.ts";

export const VENDORS: Readonly<Record<VendorName, Vendor>> = {
  meta,
  tiktok,
  pinterest,
  snapchat,
  google,
  reddit,
};
