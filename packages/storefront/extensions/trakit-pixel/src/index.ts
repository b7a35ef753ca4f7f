/** Entry of the web pixel extension; Shopify's command line bundles it when the app is deployed. */
import type { PixelApi } from "../../../src/pixel/api.ts";
import { run } from "../../../src/pixel/main.ts";

declare const shopify: { extend(point: "WebPixel::Render", run: (api: PixelApi) => void): void };

// what `register` of @shopify/web-pixels-extension does, without carrying the package along
shopify.extend("WebPixel::Render", (api) => void run(api));
