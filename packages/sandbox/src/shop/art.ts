/** Product drawings: inline SVG by presentation attributes only, so that the page's CSP needs no inline style. */
import type { ArtKind, Product, Variant } from "./catalog.ts";
import { html } from "./html.ts";
import type { SafeHtml } from "./html.ts";

/** `colour` made lighter (amount > 0, towards white) or darker (< 0, towards black); both #rrggbb. */
export function shade(colour: string, amount: number): string {
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const target = amount > 0 ? 255 : 0;
  const mixed = channels.map((value) => Math.round(value + (target - value) * Math.abs(amount)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function shapes(kind: ArtKind, colour: string, label: string): SafeHtml {
  const dark = shade(colour, -0.3);
  const light = shade(colour, 0.28);
  switch (kind) {
    case "beanie":
      return html`<circle cx="200" cy="92" r="30" fill="${light}"/>
<path d="M92 258c0-86 40-152 108-152s108 66 108 152z" fill="${colour}"/>
<path d="M138 250c2-66 18-112 44-138M200 250V108M262 250c-2-66-18-112-44-138" stroke="${dark}" stroke-width="6" fill="none" stroke-linecap="round"/>
<rect x="80" y="246" width="240" height="58" rx="20" fill="${dark}"/>
<path d="M112 252v46M144 252v46M176 252v46M208 252v46M240 252v46M272 252v46" stroke="${colour}" stroke-width="6" stroke-linecap="round"/>`;
    case "bottle":
      return html`<path d="M178 62h44a8 8 0 0 1 8 8v34h-60V70a8 8 0 0 1 8-8z" fill="${dark}"/>
<path d="M230 78c26 0 26 40 0 40" stroke="${dark}" stroke-width="9" fill="none"/>
<path d="M166 104h68c4 22 24 30 24 62v150a24 24 0 0 1-24 24h-68a24 24 0 0 1-24-24V166c0-32 20-40 24-62z" fill="${colour}"/>
<path d="M162 176v132" stroke="${light}" stroke-width="12" stroke-linecap="round"/>
<path d="M176 268l24-40 14 22 8-12 20 30z" fill="${light}"/>`;
    case "pack":
      return html`<path d="M160 104c0-52 80-52 80 0" stroke="${dark}" stroke-width="14" fill="none" stroke-linecap="round"/>
<path d="M106 160c0-44 42-68 94-68s94 24 94 68v148a28 28 0 0 1-28 28H134a28 28 0 0 1-28-28z" fill="${colour}"/>
<path d="M106 164c30 22 158 22 188 0v30c-30 22-158 22-188 0z" fill="${dark}"/>
<rect x="140" y="232" width="120" height="80" rx="14" fill="${light}"/>
<path d="M140 252h120" stroke="${dark}" stroke-width="6"/>
<rect x="190" y="188" width="20" height="30" rx="5" fill="${light}"/>`;
    case "mug":
      return html`<path d="M268 168c62-8 62 108-6 104" stroke="${dark}" stroke-width="16" fill="none" stroke-linecap="round"/>
<path d="M112 132h164v150a34 34 0 0 1-34 34h-96a34 34 0 0 1-34-34z" fill="${colour}"/>
<ellipse cx="194" cy="132" rx="82" ry="18" fill="${dark}"/>
<ellipse cx="194" cy="136" rx="66" ry="11" fill="#4a3020"/>
<path d="M136 172v96" stroke="${light}" stroke-width="10" stroke-linecap="round"/>
<path d="M170 104c-12-14 12-22 0-38M212 104c-12-14 12-22 0-38" stroke="#b9b4a9" stroke-width="6" fill="none" stroke-linecap="round"/>`;
    case "throw":
      return html`<path d="M88 118a20 20 0 0 1 20-20h184a20 20 0 0 1 20 20v170H88z" fill="${colour}"/>
<path d="M88 140l28 24 28-24 28 24 28-24 28 24 28-24 28 24 28-24M88 184l28 24 28-24 28 24 28-24 28 24 28-24 28 24 28-24M88 228l28 24 28-24 28 24 28-24 28 24 28-24 28 24 28-24" stroke="${light}" stroke-width="9" fill="none"/>
<path d="M88 270h224v20H88z" fill="${dark}"/>
<path d="M96 292v30M120 292v30M144 292v30M168 292v30M192 292v30M216 292v30M240 292v30M264 292v30M288 292v30M306 292v30" stroke="${dark}" stroke-width="6" stroke-linecap="round"/>`;
    case "card":
      return html`<rect x="72" y="120" width="256" height="164" rx="20" fill="${colour}"/>
<path d="M72 196h256v28H72z" fill="${dark}"/>
<path d="M168 210c-46-8-48-62-16-58 22 2 34 30 40 58 6-28 18-56 40-58 32-4 30 50-16 58z" fill="${light}"/>
<text x="104" y="262" font-family="Georgia, serif" font-size="26" fill="#ffffff">Northfold</text>
<text x="296" y="160" text-anchor="end" font-family="Georgia, serif" font-size="30" fill="#ffffff">${label}</text>`;
  }
}

/** The drawing of one variant; `title` describes it to screen readers, "" marks it as decoration. */
export function productArt(product: Product, variant: Variant, title: string): SafeHtml {
  const described = title === "" ? html`aria-hidden="true"` : html`role="img" aria-label="${title}"`;
  return html`<svg class="art" viewBox="0 0 400 400" xmlns="http://www.w3.org/2000/svg" ${described}>
<rect width="400" height="400" fill="${shade(variant.colour, 0.84)}"/>
<ellipse cx="200" cy="342" rx="120" ry="12" fill="${shade(variant.colour, 0.6)}"/>
${shapes(product.art, variant.colour, variant.title)}</svg>`;
}
