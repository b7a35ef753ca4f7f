import type { InstallWorld } from "../installation.ts";

/** What the merchant's API needs of the world. */
export interface MerchantWorld extends InstallWorld {
  fetch: typeof fetch;
  /** Vendor hosts that stand in for the real ones, by variable name (tests and local stack only). */
  vendorHosts: Record<string, string>;
  /** What PostgREST verifies tokens with; absent = none are given out. */
  jwtSecret?: string | undefined;
}

/** An expected refusal, as the API's problem documents say it. */
export interface Refusal {
  ok: false;
  code: string;
  status: number;
  title: string;
  detail?: string;
  issues?: string[];
}

export function refusal(
  status: number,
  code: string,
  title: string,
  more: { detail?: string; issues?: string[] } = {},
): Refusal {
  return { ok: false, code, status, title, ...more };
}
