/**
 * Runs work by key, at most `atOnce` runs of a key at a time. What arrives while all of them are busy waits and goes
 * together with what else arrived, up to `most` items: nothing is delayed while there is room, and under load the cost of
 * a call is shared. A failed run fails every item in it.
 */
export class Coalescer<Item, Result> {
  readonly #atOnce: number;
  readonly #most: number;
  readonly #work: (key: string, items: Item[]) => Promise<Result[]>;
  readonly #queues = new Map<string, { running: number; waiting: Waiting<Item, Result>[] }>();

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
      let queue = this.#queues.get(key);
      if (!queue) this.#queues.set(key, queue = { running: 0, waiting: [] });
      queue.waiting.push({ item, resolve, reject });
      this.#run(key, queue);
    });
  }

  #run(key: string, queue: { running: number; waiting: Waiting<Item, Result>[] }): void {
    if (queue.running >= this.#atOnce || queue.waiting.length === 0) return;
    const batch = queue.waiting.splice(0, this.#most);
    queue.running++;
    this.#work(key, batch.map((one) => one.item)).then(
      (results) => batch.forEach((one, index) => one.resolve(results[index]!)),
      (error) => batch.forEach((one) => one.reject(error)),
    ).finally(() => {
      queue.running--;
      if (queue.running === 0 && queue.waiting.length === 0) this.#queues.delete(key);
      else this.#run(key, queue);
    });
  }
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}
