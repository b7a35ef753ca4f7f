import { z } from "zod";
import { type CommonSettings, commonSettings } from "../shared/settings.ts";
import { pastedTokenProblem } from "../shared/token.ts";

export interface SnapchatSettings extends CommonSettings {
  /** Pixel id: a UUID. */
  id: string;
}

/** The pixel id is a UUID (reference: snapchat §1); the value defaults to what the buyer paid. */
export const settings: z.ZodType<SnapchatSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the Snap Pixel id.').trim().regex(
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    'The Snap Pixel id is a UUID, e.g. "0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5b"; find it in Events Manager under the pixel\'s name.',
  ).describe("Snap Pixel id, from Events Manager."),
  ...commonSettings("total"),
});

/** See `Destination.tokenProblem`. */
export function tokenProblem(token: string): string | null {
  return pastedTokenProblem(token, "Snapchat Conversions API token");
}
