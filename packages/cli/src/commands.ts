import type { Command } from "./command.ts";

/** The table of commands, in the order the overview shows them. A command is loaded when it is called, so each starts fast. */
export const COMMANDS: readonly {
  name: string;
  usage: string;
  summary: string;
  load: () => Promise<Command>;
}[] = [
  {
    name: "start",
    usage: "",
    summary: "Run the local stack: Postgres, functions, worker, vendor sandbox, demo shop.",
    load: () => import("./commands/start.ts").then((module) => module.start),
  },
  {
    name: "worker",
    usage: "",
    summary: "Run one more worker for the recovery queue.",
    load: () => import("./commands/worker.ts").then((module) => module.worker),
  },
  {
    name: "migrate",
    usage: "",
    summary: "Bring the database up to date and set the roles' passwords.",
    load: () => import("./commands/migrate.ts").then((module) => module.migrate),
  },
  {
    name: "doctor",
    usage: "",
    summary: "Check everything TrakIt needs and say what to do.",
    load: () => import("./commands/doctor.ts").then((module) => module.doctor),
  },
  {
    name: "shop add",
    usage: "<domain>",
    summary: "Add a shop, or change its settings.",
    load: () => import("./commands/shop-add.ts").then((module) => module.shopAdd),
  },
  {
    name: "shop list",
    usage: "",
    summary: "List the shops.",
    load: () => import("./commands/shop-list.ts").then((module) => module.shopList),
  },
  {
    name: "shop keys",
    usage: "<domain>",
    summary: "Print a shop's public key and its reverse proxy's secret.",
    load: () => import("./commands/shop-keys.ts").then((module) => module.shopKeys),
  },
  {
    name: "keys rotate",
    usage: "",
    summary: "Seal everything with the newest key, online.",
    load: () => import("./commands/keys-rotate.ts").then((module) => module.keysRotate),
  },
  {
    name: "destination set",
    usage: "<domain> <platform>",
    summary: "Set up where a shop's events go, or replace a token.",
    load: () => import("./commands/destination-set.ts").then((module) => module.destinationSet),
  },
  {
    name: "destination list",
    usage: "<domain>",
    summary: "List a shop's destinations and their lanes.",
    load: () => import("./commands/destination-list.ts").then((module) => module.destinationList),
  },
  {
    name: "tail",
    usage: "[domain]",
    summary: "Watch events arrive and be delivered.",
    load: () => import("./commands/tail.ts").then((module) => module.tail),
  },
  {
    name: "status",
    usage: "[domain]",
    summary: "Queue, lanes, and what became of the last 24 hours.",
    load: () => import("./commands/status.ts").then((module) => module.status),
  },
  {
    name: "quality",
    usage: "[domain]",
    summary: "How well platforms can match a shop's events, and what would help.",
    load: () => import("./commands/quality.ts").then((module) => module.quality),
  },
  {
    name: "replay",
    usage: "<domain>",
    summary: "Send failed deliveries of a time window again.",
    load: () => import("./commands/replay.ts").then((module) => module.replay),
  },
  {
    name: "quarantine list",
    usage: "<domain>",
    summary: "List webhooks that could not be read, and why.",
    load: () => import("./commands/quarantine-list.ts").then((module) => module.quarantineList),
  },
  {
    name: "quarantine retry",
    usage: "<domain> [number]",
    summary: "Read them again, after a fix.",
    load: () => import("./commands/quarantine-retry.ts").then((module) => module.quarantineRetry),
  },
  {
    name: "payload",
    usage: "<platform> [event.json|-]",
    summary: "Print the exact HTTP request an event becomes; sends nothing.",
    load: () => import("./commands/payload.ts").then((module) => module.payload),
  },
  {
    name: "hash",
    usage: "[<platform> <field> <value>]",
    summary: "Print what a platform gets of an email, phone, name …",
    load: () => import("./commands/hash.ts").then((module) => module.hash),
  },
];
