/**
 * Runs work by key, at most `atOnce` runs of a key at a time. What arrives while all of them are busy waits and goes
 * together with what else arrived, up to `most` items: nothing is delayed while there is room, and under load the cost of
 * a call is shared. A failed run fails every item in it.
 */
export class Coalescer<Item, Result> {
  readonly #atOnce: number;
  readonly #most: number;
  readonly #work: (key: string, items: Item[]) => Promise<Result[]>;
  readonly #lanes = new Map<string, { running: number; waiting: Waiting<Item, Result>[] }>();

  /** `work` gives one result for each item, in their order. */
  constructor(options: {
    atOnce: number;
    most: number;
    work: (key: string, items: Item[]) => Promise<Result[]>;
  }) {
    this.#atOnce = options.atOnce;
    this.#most = options.most;
    this.#work = options.work;
  }

  submit(key: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      let lane = this.#lanes.get(key);
      if (!lane) this.#lanes.set(key, lane = { running: 0, waiting: [] });
      lane.waiting.push({ item, resolve, reject });
      this.#run(key, lane);
    });
  }

  #run(key: string, lane: { running: number; waiting: Waiting<Item, Result>[] }): void {
    if (lane.running >= this.#atOnce || lane.waiting.length === 0) return;
    const batch = lane.waiting.splice(0, this.#most);
    lane.running++;
    this.#work(key, batch.map((one) => one.item)).then(
      (results) => batch.forEach((one, index) => one.resolve(results[index]!)),
      (error) => batch.forEach((one) => one.reject(error)),
    ).finally(() => {
      lane.running--;
      if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(key);
      else this.#run(key, lane);
    });
  }
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}
