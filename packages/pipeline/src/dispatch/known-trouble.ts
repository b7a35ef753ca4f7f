/**
 * What this process has seen of its destinations' trouble, until the database knows it and gives out no more of such a
 * lane: a delivery that was leased before its vendor last answered with trouble (throttled, down, refused as a whole) is
 * not sent any more. What was leased later is the lane's own probe.
 */
export class KnownTrouble {
  /** By destination: when it was last in trouble, in ms on the clock of leases. */
  readonly #seen = new Map<string, number>();

  /** Notes how a request to the destination ended; `oldestLease` and `now` in ms on the clock of leases. */
  note(destinationId: string, inTrouble: boolean, oldestLease: number, now: number): void {
    if (inTrouble) this.#seen.set(destinationId, now);
    else if (!this.stops(destinationId, oldestLease)) this.#seen.delete(destinationId);
  }

  /** Whether a delivery leased then is to be handed back unsent. */
  stops(destinationId: string, leasedAt: number): boolean {
    const seen = this.#seen.get(destinationId);
    return seen !== undefined && leasedAt <= seen;
  }
}
