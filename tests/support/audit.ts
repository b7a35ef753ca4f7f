import { expect } from "vitest";
import type { EventName } from "@trakit/core/event.ts";
import { destination } from "@trakit/destinations/registry.ts";
import type { Copies } from "@trakit/sandbox/vendors/record.ts";

/** One delivery as the database tells it. */
export interface AuditRow {
  event_id: string;
  /** What the vendor knows the event by: its order for Google, else the event id. */
  known_by: string;
  name: EventName;
  platform: string;
  state: string;
  reason: string | null;
  attempts: number;
  doubts: number;
}

/** Every delivery; `known_by` as the vendors' stand-ins record it. */
export const AUDIT = `
  select e.event_id, case when d.platform = 'google' then coalesce(e.commerce ->> 'order_id', e.event_id) else e.event_id end as known_by,
    e.name, d.platform, d.state, d.reason, d.attempts, d.doubts
  from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row`;

/**
 * Promises 1 and 2, counted at both ends: everything accepted reached each platform or stands with its reason, and a copy
 * too many exists only where a send was in doubt, and never more than that platform's table allows.
 */
export function audit(
  accepted: ReadonlySet<string>,
  rows: readonly AuditRow[],
  copies: readonly Copies[],
  platforms: readonly string[],
): { delivered: number; ended: Record<string, number>; doubled: number; inDoubt: number } {
  const received = new Map(copies.map((one) => [`${one.vendor}/${one.event_id}`, one.copies]));
  const byEvent = new Map<string, AuditRow[]>();
  for (const row of rows) byEvent.set(row.event_id, [...byEvent.get(row.event_id) ?? [], row]);
  const lost = [...accepted].filter((id) =>
    byEvent.get(id)?.map(({ platform }) => platform).sort().join() !== [...platforms].sort().join()
  );
  expect(lost, "accepted and not there for every platform").toEqual([]);

  const found = { delivered: 0, ended: {} as Record<string, number>, doubled: 0, inDoubt: 0 };
  for (const row of rows) {
    const count = received.get(`${row.platform}/${row.known_by}`) ?? 0;
    const what =
      `${row.platform} ${row.event_id}: ${row.state} ${row.reason}, ${row.attempts} attempts, ${row.doubts} in doubt`;
    expect(row.state, what).not.toBe("pending");
    expect(row.reason, what).not.toBeNull();
    if (row.state === "delivered") {
      found.delivered++;
      expect(count, `${what}, but the vendor never took it`).toBeGreaterThanOrEqual(1);
    } else found.ended[row.reason!] = (found.ended[row.reason!] ?? 0) + 1;
    if (row.doubts > 0) found.inDoubt++;
    if (count > 1) {
      found.doubled++;
      expect(count, `${what}, the vendor has it ${count} times`).toBeLessThanOrEqual(1 + row.doubts);
      expect(count, `${what}, the vendor has it ${count} times`).toBeLessThanOrEqual(
        1 + destination(row.platform)!.inDoubtRepeats(row.name),
      );
    }
  }
  return found;
}
