/**
 * The app's extensions as Shopify runs them once they are deployed: the theme app embed is Liquid with snippets and assets, the web pixel
 * is one bundled script. Both are read from the app's folder; nothing of the app's code is imported.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Liquid, type Template } from "liquidjs";

export interface PixelSettings {
  endpoint: string;
  key: string;
}

export interface Extensions {
  /** The embed block of a page, or "" where the app has none. */
  embed(objects: Record<string, unknown>, settings: Record<string, unknown>): string;
  /** A file of `assets/`, or null. */
  asset(name: string): Uint8Array | null;
  pixel: { script: Uint8Array; settings: PixelSettings } | null;
}

export const NO_EXTENSIONS: Extensions = { embed: () => "", asset: () => null, pixel: null };

/** Shopify's `json` filter escapes what could end a script element, as far as is known. */
function json(value: unknown): string {
  return (JSON.stringify(value ?? null) ?? "null").replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function files(folder: string): Map<string, Uint8Array> {
  if (!existsSync(folder)) return new Map();
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

/** `{% schema %}` is for the theme editor; its defaults are what a merchant who changed nothing has. */
function schemaOf(source: string): { liquid: string; defaults: Record<string, unknown> } {
  const found = /\{%-?\s*schema\s*-?%\}([\s\S]*?)\{%-?\s*endschema\s*-?%\}/.exec(source);
  if (found === null) return { liquid: source, defaults: {} };
  const schema = JSON.parse(found[1]!) as { settings?: { id?: string; default?: unknown }[] };
  const defaults = (schema.settings ?? []).flatMap(({ id, default: value }) =>
    id === undefined || value === undefined ? [] : [[id, value] as const]
  );
  return { liquid: source.replace(found[0], ""), defaults: Object.fromEntries(defaults) };
}

/**
 * Reads each extension in `folder`: its blocks, snippets and assets, and the bundled pixel.
 *
 * @param pixelSettings what the app wrote with `webPixelCreate`; null: the pixel is not activated
 * @param filters in place of Shopify's
 */
export function readExtensions(
  folder: string,
  pixelSettings: PixelSettings | null,
  filters: { json: (value: unknown) => string } = { json },
): Extensions {
  const kinds = readdirSync(folder).map((name) => join(folder, name));
  const themes = kinds.filter((one) => existsSync(join(one, "blocks")));
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const templates = Object.fromEntries(
    themes.flatMap((theme) =>
      [...files(join(theme, "snippets"))].map(([name, body]) => [name.replace(/\.liquid$/, ""), text(body)])
    ),
  );
  const engine = new Liquid({ templates, strictFilters: true });
  engine.registerFilter("json", filters.json);
  engine.registerFilter("asset_url", (name: unknown) => `/shop/extension/${String(name)}`);
  const blocks = themes.flatMap((theme) =>
    [...files(join(theme, "blocks")).values()].map((body) => {
      const { liquid, defaults } = schemaOf(text(body));
      return { template: engine.parse(liquid) as Template[], defaults };
    })
  );
  const assets = new Map(themes.flatMap((theme) => [...files(join(theme, "assets"))]));
  const bundle = kinds.map((one) => join(one, "dist", "pixel.js")).find((one) => existsSync(one));
  return {
    embed: (objects, settings) =>
      blocks.map(({ template, defaults }) =>
        String(engine.renderSync(template, { ...objects, block: { settings: { ...defaults, ...settings } } }))
      ).join("\n"),
    asset: (name) => assets.get(name) ?? null,
    pixel: bundle === undefined || pixelSettings === null
      ? null
      : { script: readFileSync(bundle), settings: pixelSettings },
  };
}
