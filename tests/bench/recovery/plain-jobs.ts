import process from "node:process";
import { fromStored, type StoredEvent } from "@trakit/core/stored.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { batches, tooLong } from "@trakit/pipeline/dispatch/send-all.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { byUndici } from "@trakit/worker/http-exchange.ts";

/**
 * What the other queues' jobs do: a job is one delivery, with the event in it. Mapping, requests and answers are TrakIt's own
 * code; there is no lane, no lease, no consent, no record of the outcome but the job's own end.
 */
export interface PlainJob {
  lane: string;
  platform: string;
  settings: JsonObject;
  token: string;
  event: StoredEvent;
}

/** Node's own, as plain jobs have it, or the one of TrakIt's worker: then the queues alone are compared. */
const send = createSend(process.env["BENCH_CLIENT"] === "trakit" ? byUndici() : byFetch(fetch), {
  timeoutMs: 5_000,
  now: Date.now,
});
const vendorUrl = () => process.env["BENCH_VENDORS"]!;

/** Maps and posts jobs of one lane; throws when the vendor does not take them. */
export async function post(jobs: PlainJob[]): Promise<void> {
  const [{ platform: name, token }] = jobs as [PlainJob];
  const platform = destination(name)!;
  const settings = platform.settings.parse(jobs[0]!.settings);
  const mapped = jobs.map((job) => {
    const result = platform.map(fromStored(job.event), { settings, limited: false, now: Date.now() });
    if (!result.ok) throw new Error(result.reason);
    return { body: result.body };
  });
  const postBatch = async (batch: { body: JsonObject }[]): Promise<void> => {
    const request = platform.request(batch.map(({ body }) => body), {
      settings,
      token,
      baseUrl: vendorUrl(),
      testCode: null,
    });
    if (batch.length > 1 && tooLong(platform, request)) {
      const middle = Math.ceil(batch.length / 2);
      await Promise.all([postBatch(batch.slice(0, middle)), postBatch(batch.slice(middle))]);
      return;
    }
    const sent = await send(request);
    if (sent.kind !== "answer") throw new Error(sent.reason);
    const answer = platform.classify(
      { status: sent.status, headers: sent.headers, body: sent.body },
      batch.length,
    );
    if (answer.kind === "split" || answer.outcomes.some(({ kind }) => kind !== "delivered")) {
      throw new Error("refused");
    }
  };
  await Promise.all(batches(platform, mapped).map(postBatch));
}

/** Posts jobs of any lanes, those of a lane together. */
export async function postTogether(jobs: PlainJob[]): Promise<void> {
  const lanes = new Map<string, PlainJob[]>();
  for (const job of jobs) {
    const lane = lanes.get(job.lane);
    if (lane) lane.push(job);
    else lanes.set(job.lane, [job]);
  }
  await Promise.all([...lanes.values()].map(post));
}
