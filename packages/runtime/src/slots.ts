/**
 * Sending slots of one process: how many vendor requests may be under way. What finds no slot is not leased and waits in
 * the queue: load sheds into Postgres, nothing is lost.
 */
export class Slots {
  #free: number;

  constructor(capacity: number) {
    this.#free = capacity;
  }

  get free(): number {
    return this.#free;
  }

  /** Takes up to `wanted` slots and returns how many it got (0 is possible). */
  acquire(wanted: number): number {
    const acquired = Math.max(0, Math.min(wanted, this.#free));
    this.#free -= acquired;
    return acquired;
  }

  release(count: number): void {
    this.#free += count;
  }
}
