/** Runs the demo shop as a process of the local stack. Prints one JSON line when it is ready; SIGTERM ends it. */
import process from "node:process";
import { z } from "zod";
import { startDemoShop } from "./shop/demo-shop.ts";
import { readExtensions } from "./shop/extensions.ts";

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);

const settings = z.object({
  TRAKIT_SHOP_PORT: port(54340),
  TRAKIT_SHOP_DOMAIN: z.string().regex(/^[a-z0-9][a-z0-9-]*\.myshopify\.com$/).default(
    "trakit-demo.myshopify.com",
  ),
  SHOPIFY_API_KEY: z.string().min(1).default("trakit-local-api-key"),
  SHOPIFY_API_SECRET: z.string().min(1),
  TRAKIT_API_PORT: port(54321),
  TRAKIT_SANDBOX_PORT: port(54330),
  /** Folder of the app's extensions, as they would be deployed to Shopify. */
  TRAKIT_SHOP_EXTENSIONS: z.string().min(1).optional(),
  /** The shop's public key: the web pixel's setting. Without it the pixel is not activated. */
  TRAKIT_SHOP_PIXEL_KEY: z.string().min(1).optional(),
});

async function main(): Promise<void> {
  const parsed = settings.safeParse(process.env);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))].join(", ");
    throw new Error(`Missing or malformed setting: ${names}.`);
  }
  const env = parsed.data;
  const apiUrl = `http://127.0.0.1:${env.TRAKIT_API_PORT}/functions/v1`;
  const shop = await startDemoShop({
    port: env.TRAKIT_SHOP_PORT,
    shopDomain: env.TRAKIT_SHOP_DOMAIN,
    apiKey: env.SHOPIFY_API_KEY,
    apiSecret: env.SHOPIFY_API_SECRET,
    apiUrl,
    sandboxUrl: `http://127.0.0.1:${env.TRAKIT_SANDBOX_PORT}`,
    ...env.TRAKIT_SHOP_EXTENSIONS && {
      extensions: readExtensions(
        env.TRAKIT_SHOP_EXTENSIONS,
        env.TRAKIT_SHOP_PIXEL_KEY ? { endpoint: `${apiUrl}/proxy`, key: env.TRAKIT_SHOP_PIXEL_KEY } : null,
      ),
    },
  });

  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void shop.close().then(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.stdout.write(`${JSON.stringify({ ready: true, url: shop.url })}\n`);
}

main().catch((error: unknown) => {
  const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  const reason = inUse
    ? "The demo shop's port is taken: stop what uses it or set TRAKIT_SHOP_PORT."
    : error instanceof Error
    ? error.message
    : "The demo shop could not start.";
  process.stderr.write(`${reason}\n`);
  process.exit(1);
});
