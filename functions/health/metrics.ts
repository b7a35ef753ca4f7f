import { type QueueMetrics } from "@trakit/db/calls/queue-metrics.ts";
import { resolutionSeconds } from "@trakit/db/calls/queue-watch.ts";

type Labels = Record<string, string>;
interface Family {
  name: string;
  help: string;
  type: "gauge" | "counter";
  samples: [Labels, number][];
}

/** Figures of the queue in Prometheus' text format, version 0.0.4. Labels are platforms and states: nothing of a shop. */
export function prometheus(metrics: QueueMetrics, version: string): string {
  const { waiting, recent, lanes, expired } = metrics;
  const one = (value: number): [Labels, number][] => [[{}, value]];
  const resolution = resolutionSeconds(metrics);
  const families: Family[] = [
    gauge("trakit_info", "Version of the functions.", [[{ version }, 1]]),
    gauge(
      "trakit_deliveries_pending",
      "Deliveries that wait, counted up to 200,000.",
      waiting.map((row) => [{ platform: row.platform }, row.pending]),
    ),
    gauge(
      "trakit_deliveries_due",
      "Deliveries whose time has come.",
      waiting.map((row) => [{ platform: row.platform }, row.due]),
    ),
    gauge(
      "trakit_deliveries_sending",
      "Deliveries somebody sends now.",
      waiting.map((row) => [{ platform: row.platform }, row.sending]),
    ),
    gauge(
      "trakit_oldest_due_seconds",
      "How long the oldest due delivery has been due.",
      waiting.map((row) => [{ platform: row.platform }, row.oldest_due_seconds]),
    ),
    gauge(
      "trakit_deliveries_recent",
      "What became of deliveries captured in the last 5 minutes.",
      recent.map((row) => [{ platform: row.platform, state: row.state }, row.count]),
    ),
    gauge(
      "trakit_delivery_latency_seconds",
      "Capture to delivered, of the last 5 minutes.",
      recent.flatMap(({ platform, latency }): [Labels, number][] =>
        latency
          ? [[{ platform, quantile: "0.5" }, latency[0]], [{ platform, quantile: "0.99" }, latency[1]]]
          : []
      ),
    ),
    gauge(
      "trakit_lanes",
      "Destinations by the queue's view of them.",
      lanes.map((row) => [{ platform: row.platform, state: row.state }, row.count]),
    ),
    {
      ...gauge(
        "trakit_deliveries_expired_total",
        "Deliveries whose time was over before they could be sent.",
        expired.map((row) => [{ platform: row.platform }, row.count]),
      ),
      type: "counter",
    },
    gauge("trakit_replays_unfinished", "Replays by hand that go on.", one(metrics.replays)),
    gauge(
      "trakit_orders_unreadable",
      "Orders at Shopify without an event, because they could not be read.",
      one(metrics.unreadable_orders),
    ),
    gauge("trakit_workers", "Worker processes that live.", one(metrics.workers)),
    gauge("trakit_drains_running", "Calls of the drain function under way.", one(metrics.draining)),
    gauge(
      "trakit_queue_resolution_seconds",
      "How late a due delivery may be begun; absent when nobody sends what waits.",
      resolution === null ? [] : one(resolution),
    ),
  ];
  return families.map(text).join("");
}

function gauge(name: string, help: string, samples: [Labels, number][]): Family {
  return { name, help, type: "gauge", samples };
}

function text({ name, help, type, samples }: Family): string {
  const lines = samples.map(([labels, value]) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`).join(",");
    return `${name}${inside ? `{${inside}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
