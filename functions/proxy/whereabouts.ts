import type { Consent } from "@trakit/core/event.ts";
import { withPrivacyControl } from "@trakit/core/consent.ts";
import type { Caller } from "./caller.ts";

/** What decides about consent in a request's body: events' and sessions' alike. */
interface Told {
  consent?: Consent | null | undefined;
  /** Country of Shopify's region. */
  region?: string | null | undefined;
  gpc?: boolean | null | undefined;
}

/** Whether the header says no to the sale of data; one that two of those on the way wrote says it twice. */
function saysControl(header: string | null): boolean {
  return (header ?? "").split(",").some((value) => value.trim() === "1");
}

/**
 * A body with its consent as it counts, and as `region` the country whose policy is the undecided's: the browser's, else that
 * of its address where somebody believed tells it. Global Privacy Control is taken from the body or, whoever wrote it, from
 * `Sec-GPC`: it only ever refuses. Whether the app proxy passes that header on is unconfirmed, so the script says it too.
 */
export function withWhereabouts<T extends Told>(request: Request, caller: Caller, body: T): T {
  const control = body.gpc === true || saysControl(request.headers.get("sec-gpc"));
  return {
    ...body,
    consent: withPrivacyControl(body.consent ?? null, control),
    region: body.region ?? caller.country,
  };
}
