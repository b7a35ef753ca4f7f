/** Limited Data Use (reference: meta §7). */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import type { JsonObject } from "../destination.ts";

/** Meta's numbers of the states whose law it applies. */
const STATES: Record<string, number> = {
  CA: 1000,
  CO: 1001,
  CT: 1002,
  FL: 1003,
  OR: 1004,
  TX: 1005,
  MT: 1006,
  DE: 1007,
  NE: 1008,
  NH: 1009,
  NJ: 1010,
  MN: 1011,
  MD: 1012,
  RI: 1013,
};
const USA = 1;
/** Meta finds country and state by the IP address itself. */
const LOCATE = 0;

/**
 * The event's data processing options in limited mode, or null where Meta could not tell that the limit applies: it
 * needs the state, or an IP address to find it by. A buyer known to live elsewhere needs neither.
 */
export function limitedOptions(event: CanonicalEvent, ip: string | null): JsonObject | null {
  const { country, region_code: region } = event.client;
  const state = country === "US" ? STATES[region?.toUpperCase() ?? ""] : undefined;
  const located = state !== undefined || ip !== null ||
    (country !== null && (country !== "US" || region !== null));
  if (!located) return null;
  return {
    data_processing_options: ["LDU"],
    data_processing_options_country: state === undefined ? LOCATE : USA,
    data_processing_options_state: state ?? LOCATE,
  };
}
