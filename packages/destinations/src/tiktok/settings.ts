import { z } from "zod";
import { type CommonSettings, commonSettings } from "../shared/settings.ts";
import { pastedTokenProblem } from "../shared/token.ts";

export interface TikTokSettings extends CommonSettings {
  /** Pixel code (web event source id). */
  id: string;
  /** Offline Event Set that takes what was sold at a till; null = such sales are not sent. */
  offline_event_set: string | null;
}

/** Pixel codes are letters and digits; TikTok publishes no grammar. The value defaults to what the buyer paid. */
export const settings: z.ZodType<TikTokSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the TikTok pixel id.').trim().regex(
    /^[A-Za-z0-9_-]{5,64}$/,
    'The TikTok pixel id consists of letters and digits, e.g. "C4ABCDEF0123456789AB"; find it in Events Manager under the pixel\'s name.',
  ).describe("Pixel id, from Events Manager."),
  ...commonSettings("total"),
  offline_event_set: z.string('"offline_event_set" must be the id of an Offline Event Set.').trim().regex(
    /^[A-Za-z0-9_-]{5,64}$/,
    '"offline_event_set" consists of letters and digits; find it in Events Manager under the Offline Event Set\'s name.',
  ).nullable().default(null).describe(
    "Offline Event Set for what is sold at a till; null: such sales are not sent.",
  ),
});

/** See `Destination.tokenProblem`. */
export function tokenProblem(token: string): string | null {
  return pastedTokenProblem(token, "TikTok Events API access token");
}
