/** The vendors the sandbox stands in for: also the keys of faults, counts and records. */
export const VENDOR_NAMES = ["meta", "tiktok", "pinterest", "snapchat", "google", "reddit"] as const;
export type VendorName = (typeof VENDOR_NAMES)[number];
