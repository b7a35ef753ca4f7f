import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import type { merchantApi } from "./merchant-api.ts";
import { APP_URL } from "./merchant.ts";

/** A shop with the platforms' ids entered and nothing else. */
export async function ready(api: ReturnType<typeof merchantApi>, ...platforms: string[]): Promise<string> {
  const shop = await api.installed();
  for (const platform of platforms) {
    const { id } = DEMO_DESTINATIONS[platform]!;
    const answer = await api.set(shop, platform, { settings: { id } });
    if (answer.status !== 200) throw new Error(`not set up: ${answer.text}`);
  }
  return shop;
}

/** A merchant's browser on its way to a platform and back. */
export function browserOf(api: ReturnType<typeof merchantApi>) {
  const visit = (url: string, cookie: string | null = null) => {
    const { pathname, search } = new URL(url);
    return api.handle(
      new Request(`https://app.example${pathname.replace("/functions/v1", "")}${search}`, {
        headers: cookie === null ? {} : { cookie },
      }),
    );
  };

  /** Asks for a connection and sets out: the platform's grant screen and the cookie. */
  async function setOut(shop: string, platform: string) {
    const asked = await api.call(shop, `POST /destinations/${platform}/connect`, { body: {} });
    if (asked.status !== 200) throw new Error(`not begun: ${asked.text}`);
    const answer = await visit(asked.body.url);
    if (answer.status !== 302) throw new Error(`not sent: ${answer.status}`);
    const cookie = answer.headers.getSetCookie()[0]!;
    return {
      start: asked.body.url as string,
      grant: new URL(answer.headers.get("location")!),
      cookie: cookie.split(";")[0]!,
      setCookie: cookie,
    };
  }

  /** What the platform sends the browser back with. */
  async function grants(grant: URL): Promise<URL> {
    const answer = await fetch(grant, { redirect: "manual" });
    if (answer.status !== 302) throw new Error(`the platform refused: ${answer.status}`);
    return new URL(answer.headers.get("location")!);
  }

  /** All of the way; what the app's page is told. */
  async function connect(shop: string, platform: string): Promise<string | null> {
    const { grant, cookie } = await setOut(shop, platform);
    const answer = await visit((await grants(grant)).href, cookie);
    return new URL(answer.headers.get("location") ?? APP_URL).searchParams.get("connect");
  }

  return { visit, setOut, grants, connect };
}
