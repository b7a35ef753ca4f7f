import type { Settlement } from "@trakit/db/calls/settle-deliveries.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import type { DestinationSends } from "./send-all.ts";
import { settleWhileLeased } from "./settle.ts";

/** Settle what is done after this long, rather than letting one slow vendor keep the others' word open (ms). */
const SETTLE_AFTER_MS = 250;

/**
 * Sends leased deliveries of one shop, destinations in parallel, and settles them: together in one round trip when all are
 * quick, what is done first when one is slow. Never throws: whatever could not be settled is found by its lease's end.
 * Returns how many deliveries came to which end.
 */
export async function dispatch(
  deps: PipelineDependencies,
  groups: DestinationSends[],
): Promise<Record<string, number>> {
  const totals: Record<string, number> = {};
  const done: Settlement[] = [];
  let open = 0;
  let wake: () => void = () => {};
  const shopId = groups[0]?.shopId;
  if (shopId === undefined) return totals;
  // one call leased them all
  const leasedAt = groups[0]!.sends[0]!.leasedAt;

  const settle = async () => {
    const settlements = done.splice(0);
    if (settlements.length === 0) return;
    for (const { kind } of settlements) totals[kind] = (totals[kind] ?? 0) + 1;
    await settleWhileLeased(deps, shopId, settlements, leasedAt);
  };

  for (const group of groups) {
    open++;
    deps.coalescers.sends.submit(destinationOf(group), group).then(
      (settlements) => done.push(...settlements),
      (error) =>
        deps.log.error("dispatch_failed", { platform: group.destination.platform, ...errorFields(error) }),
    ).finally(() => {
      open--;
      if (open === 0) wake();
    });
  }
  while (open > 0) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, SETTLE_AFTER_MS);
    });
    clearTimeout(timer);
    await settle();
  }
  await settle();
  return totals;
}

/** What may share a request: one destination of one shop. */
function destinationOf(group: DestinationSends): string {
  return group.sends[0]!.destination_id;
}
