import { z } from "zod";
import { type CommonSettings, commonSettings } from "../shared/settings.ts";
import { pastedTokenProblem } from "../shared/token.ts";

export interface MetaSettings extends CommonSettings {
  /** Dataset (pixel) id: digits. */
  id: string;
}

/** Dataset and pixel ids are digits (reference: meta §1); the value defaults to what the buyer paid. */
export const settings: z.ZodType<MetaSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the Meta pixel (dataset) id.').trim().regex(
    /^\d{5,20}$/,
    'The Meta pixel (dataset) id consists of 5 to 20 digits, e.g. "1234567890123456"; find it in Events Manager under the dataset\'s name.',
  ).describe("Pixel (dataset) id, from Events Manager."),
  ...commonSettings("total"),
});

/**
 * HMAC-SHA256 of the token with the app's secret, hex: for tokens of apps that require it. The app's secret itself is not
 * needed. Whoever has token and proof can send, so the proof is kept as the token is.
 */
export const secrets = {
  appsecret_proof: z.string('"appsecret_proof" must be 64 hexadecimal digits.').trim().toLowerCase().regex(
    /^[0-9a-f]{64}$/,
    '"appsecret_proof" must be 64 hexadecimal digits: the HMAC-SHA256 of the access token with the app\'s secret as the key.',
  ).describe(
    "For tokens of apps that require proof of their secret: HMAC-SHA256 of the token with the app's secret. Renew it with the token.",
  ),
};

/** See `Destination.tokenProblem`. */
export function tokenProblem(token: string): string | null {
  return pastedTokenProblem(token, "Meta Conversions API access token");
}
