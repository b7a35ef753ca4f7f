/** Fault switches: one fault per vendor, which some or all of its requests meet. */
import { z } from "zod";
import { VENDOR_NAMES, type VendorName } from "./names.ts";

const common = {
  /** How many requests meet the fault before it switches itself off; left out = until it is removed. */
  times: z.int().min(1).optional(),
  /** Share of requests that meet the fault. */
  probability: z.number().gt(0).max(1).optional(),
  /** Only requests to this pixel, dataset, ad account or measurement id. */
  account: z.string().min(1).optional(),
};
const seconds = z.int().min(0).max(86_400);

/**
 * - `latency`: taken at once, answered normally after `ms`.
 * - `status`: not taken; answered with `status`, and `Retry-After` where `retry_after` (s) is given.
 * - `throttle`: the vendor's own throttling answer; with `retry_after` (s) a plain 429 with `Retry-After`.
 * - `reset`: not taken; the TCP connection is reset.
 * - `reset_after`: taken, then the connection is reset: the sender cannot know.
 * - `hang`: not taken and never answered.
 * - `bad_token`: the vendor's answer to a refused token; only for `token` where one is given.
 */
export const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("latency"), ms: z.int().min(0).max(600_000), ...common }),
  z.strictObject({
    kind: z.literal("status"),
    status: z.int().min(400).max(599),
    retry_after: seconds.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal("throttle"), retry_after: seconds.optional(), ...common }),
  z.strictObject({ kind: z.literal("reset"), ...common }),
  z.strictObject({ kind: z.literal("reset_after"), ...common }),
  z.strictObject({ kind: z.literal("hang"), ...common }),
  z.strictObject({ kind: z.literal("bad_token"), token: z.string().min(1).optional(), ...common }),
]);
export type Fault = z.infer<typeof faultSchema>;

/** A set of switches; null switches a vendor's fault off, a vendor left out keeps its own. */
export const faultsSchema = z.partialRecord(z.enum(VENDOR_NAMES), faultSchema.nullable());
export type Faults = z.infer<typeof faultsSchema>;

/** A fault as shown: without the token it is about. `hits` = requests that met it so far. */
export type ShownFault = Omit<Fault, "token"> & { token?: "***"; hits: number };

/** What a fault may choose by. */
export interface Target {
  account: string | null;
  token(): string | null;
}

export interface FaultBoard {
  set(vendor: VendorName, fault: Fault | null): void;
  clear(): void;
  /** The fault this request meets, counted as met; null when none. */
  meet(vendor: VendorName, target: Target): Fault | null;
  show(): Record<VendorName, ShownFault | null>;
}

/** `random` gives numbers in [0, 1) for `probability`. */
export function createFaultBoard(random: () => number): FaultBoard {
  const active = new Map<VendorName, { fault: Fault; hits: number }>();

  function show(vendor: VendorName): ShownFault | null {
    const entry = active.get(vendor);
    if (entry === undefined) return null;
    const hidden = entry.fault.kind === "bad_token" && entry.fault.token !== undefined
      ? { token: "***" as const }
      : {};
    return { ...entry.fault, ...hidden, hits: entry.hits } as ShownFault;
  }

  return {
    set(vendor, fault) {
      if (fault === null) active.delete(vendor);
      else active.set(vendor, { fault, hits: 0 });
    },
    clear: () => active.clear(),
    meet(vendor, target) {
      const entry = active.get(vendor);
      if (entry === undefined) return null;
      const { fault } = entry;
      if (fault.account !== undefined && fault.account !== target.account) return null;
      if (fault.kind === "bad_token" && fault.token !== undefined && fault.token !== target.token()) {
        return null;
      }
      if (fault.probability !== undefined && random() >= fault.probability) return null;
      entry.hits += 1;
      if (fault.times !== undefined && entry.hits >= fault.times) active.delete(vendor);
      return fault;
    },
    show: () =>
      Object.fromEntries(VENDOR_NAMES.map((vendor) => [vendor, show(vendor)])) as Record<
        VendorName,
        ShownFault | null
      >,
  };
}
