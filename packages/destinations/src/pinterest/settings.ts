import { z } from "zod";
import { type CommonSettings, commonSettings } from "../shared/settings.ts";
import { pastedTokenProblem } from "../shared/token.ts";

export interface PinterestSettings extends CommonSettings {
  /** Ad account id: digits. */
  id: string;
}

/**
 * Ad account ids are digits, at most 18 of them (reference: pinterest §1).
 * The value defaults to what the buyer paid, as everywhere but Google, although Pinterest recommends the
 * value before tax and shipping: `"value": "items_without_tax"` gives that.
 */
export const settings: z.ZodType<PinterestSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the ad account id.').trim().regex(
    /^\d{1,18}$/,
    'The Pinterest ad account id consists of at most 18 digits, e.g. "549755885175"; find it in Ads Manager under the account\'s name.',
  ).describe("Ad account id, from Ads Manager."),
  ...commonSettings("total"),
});

/** See `Destination.tokenProblem`. */
export function tokenProblem(token: string): string | null {
  return pastedTokenProblem(token, "Pinterest conversion access token");
}
