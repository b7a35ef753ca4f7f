import type { Identifiers } from "@trakit/core/event.ts";
import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Purposes, Sender } from "./ingest-browser-events.ts";

/** What a browser's visit begins with. */
export interface OpenedSession {
  shop: "active" | "unknown" | "uninstalled";
  refused?: "foreign_origin" | "rate_limited";
  wait_seconds?: number;
  /** Identifiers its ids lead to. */
  visitor?: Partial<Identifiers>;
  purposes?: Purposes;
  hosts?: string[];
  cookie_lifetime_days?: number;
  config?: {
    cookie_lifetime_days: number;
    first_party: string | null;
    unsigned: boolean;
    tags: Record<string, { mode: string; id: string | null }>;
  };
}

/** SQL `trakit.open_session`: begins a browser's visit; one network round trip. */
export async function openSession(
  db: Database,
  asked: {
    shop: string;
    /** Keys the browser has, or Shopify signed for. */
    keys: { visitor?: string; client?: string; customer?: string };
    /** Host of the storefront as Shopify signed for it; it counts as the shop's from now on. */
    host: string | null;
    refused: Record<string, number>;
    sender: Sender;
    now?: Date | undefined;
  },
): Promise<OpenedSession> {
  const { keys, host, refused } = asked;
  return await call(db, "trakit.open_session", {
    p_shop: asked.shop,
    p_visit: json({ keys, host, refused }),
    p_sender: json(asked.sender),
    p_now: asked.now,
  }) as OpenedSession;
}
