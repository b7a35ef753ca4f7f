import type { PlatformOAuth } from "@trakit/destinations/destination.ts";
import { destination } from "@trakit/destinations/registry.ts";
import type { LoginWorld } from "@trakit/runtime/platform-login.ts";
import type { ClientSettings } from "@trakit/runtime/settings.ts";
import type { ConnectionWorld } from "./world.ts";

/** The platform's authorization server and our client there; null = not offered, or no client. */
export function loginAt(
  world: Pick<ConnectionWorld, "oauthClients">,
  platform: string,
): { server: PlatformOAuth; client: ClientSettings } | null {
  const server = destination(platform)?.oauth;
  const client = Object.hasOwn(world.oauthClients, platform) ? world.oauthClients[platform] : undefined;
  return server && client ? { server, client } : null;
}

/** A platform's stand-in (tests and local stack) stands in for its authorization server too. */
export function loginWorld(world: ConnectionWorld, platform: string): LoginWorld {
  return {
    fetch: world.fetch,
    now: world.now,
    standIn: world.vendorHosts[destination(platform)!.baseUrlSetting],
  };
}
