import { z } from "zod";
import { type CommonSettings, commonSettings } from "../shared/settings.ts";
import { pastedTokenProblem } from "../shared/token.ts";

export interface GoogleSettings extends CommonSettings {
  /** Measurement id of a GA4 web stream: "G-…". */
  id: string;
  /** Collect in the EU: events go to region1.google-analytics.com. */
  eu: boolean;
}

/** Google defines a purchase's value as the items without tax and shipping, hence the default (reference: google §3). */
export const settings: z.ZodType<GoogleSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the measurement id.').trim().regex(
    /^G-[A-Z0-9]{4,20}$/,
    'The measurement id looks like "G-AB12CD34EF" (capital letters and digits); find it in Google Analytics under Admin, Data streams.',
  ).describe("Measurement id of the web data stream."),
  ...commonSettings("items_without_tax"),
  eu: z.boolean('"eu" must be true or false.').default(false).describe("Collect in the EU."),
});

/** Ids that stand beside the secret in Google's pages; secrets are longer and in mixed case. */
const AN_ID = /^(?:G-[A-Z0-9]{4,12}|UA-\d+-\d+|GTM-[A-Z0-9]{4,10}|AW-\d+)$/;

/** See `Destination.tokenProblem`. Google never says that a secret is wrong, so a mix-up is caught here or never. */
export function tokenProblem(token: string): string | null {
  if (AN_ID.test(token.trim())) {
    return "This is an id, not the API secret; make one under Data streams, Measurement Protocol API secrets.";
  }
  return pastedTokenProblem(token, "Measurement Protocol API secret");
}

/** See `Destination.testMode`. Google has no code of its own, so the word chooses between its two ways of testing. */
export function testCodeProblem(code: string): string | null {
  return code === "validate" || code === "debug_view"
    ? null
    : 'The test code for Google is "validate" (check, record nothing) or "debug_view" (show in DebugView, counted).';
}
