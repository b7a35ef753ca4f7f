/** The vendors the sandbox stands in for. A new one is a file of its own and three words here. */
import { google } from "./google.ts";
import { meta } from "./meta.ts";
import { pinterest } from "./pinterest.ts";
import { reddit } from "./reddit.ts";
import { snapchat } from "./snapchat.ts";
import { tiktok } from "./tiktok.ts";
import type { Vendor } from "./types.ts";

/** Also the keys of faults, counts and records. */
export const VENDOR_NAMES = ["meta", "tiktok", "pinterest", "snapchat", "google", "reddit"] as const;
export type VendorName = (typeof VENDOR_NAMES)[number];

export const VENDORS: Readonly<Record<VendorName, Vendor>> = {
  meta,
  tiktok,
  pinterest,
  snapchat,
  google,
  reddit,
};
