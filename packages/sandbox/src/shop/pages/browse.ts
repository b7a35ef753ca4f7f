/** Home, collection, search and product pages. */
import { productArt } from "../art.ts";
import { COLLECTION, findProduct, PRODUCTS, searchProducts } from "../catalog.ts";
import type { Product, Variant } from "../catalog.ts";
import type { Visit } from "../context.ts";
import { html } from "../html.ts";
import type { SafeHtml } from "../html.ts";
import type { ShopAnswer } from "../http.ts";
import { renderPage } from "../layout.ts";
import { display } from "../money.ts";
import type { Currency } from "../money.ts";
import { liquidCollection, liquidProduct, liquidSearch } from "../liquid-objects.ts";
import { collectionViewed, pixelVariant, productViewed, searchSubmitted } from "../pixel-shapes.ts";

function card(product: Product, currency: Currency): SafeHtml {
  const variant = product.variants[0]!;
  const prices = product.variants.map((v) => v.price[currency]);
  const lowest = Math.min(...prices);
  const from = prices.some((price) => price !== lowest) ? "From " : "";
  return html`<li class="card"><a href="/products/${product.handle}">${productArt(product, variant, "")}
<span class="card-title">${product.title}</span>
<span class="card-price">${from}${display(lowest, currency)}</span></a></li>`;
}

function grid(products: readonly Product[], currency: Currency): SafeHtml {
  return html`<ul class="grid">${products.map((product) => card(product, currency))}</ul>`;
}

export function homePage(visit: Visit): ShopAnswer {
  const { currency } = visit.session;
  const hero = PRODUCTS[2]!;
  return renderPage(visit, {
    title: "Home",
    theme: { type: "index" },
    main: html`<section class="hero"><div><p class="eyebrow">Autumn collection</p>
<h1>Made for long walks and short mornings.</h1>
<p>Six things that last. Buy one and follow the event from this page to every ad platform.</p>
<p><a class="button" href="/collections/all">Shop all products</a></p></div>
<div class="hero-art">${productArt(hero, hero.variants[0]!, "")}</div></section>
<section aria-labelledby="products"><h2 id="products">Products</h2>${grid(PRODUCTS, currency)}</section>`,
  });
}

export function collectionPage(visit: Visit): ShopAnswer {
  const { currency } = visit.session;
  return renderPage(visit, {
    title: COLLECTION.title,
    events: [collectionViewed(PRODUCTS, currency)],
    theme: { type: "collection", objects: { collection: liquidCollection(PRODUCTS, currency) } },
    main: html`<h1>${COLLECTION.title}</h1><p class="lede">${PRODUCTS.length} products</p>${
      grid(PRODUCTS, currency)
    }`,
  });
}

export function searchPage(visit: Visit): ShopAnswer {
  const { currency } = visit.session;
  const query = (visit.request.query.get("q") ?? "").trim().slice(0, 200);
  const found = searchProducts(query);
  const result = query === ""
    ? html`<p class="lede">Type what you are looking for.</p>`
    : found.length === 0
    ? html`<p class="lede">Nothing found for “${query}”. <a href="/collections/all">See all products</a>.</p>`
    : html`<p class="lede">${found.length} found for “${query}”</p>${grid(found, currency)}`;
  return renderPage(visit, {
    title: query === "" ? "Search" : `Search: ${query}`,
    events: query === "" ? [] : [searchSubmitted(query, found, currency)],
    theme: { type: "search", objects: { search: liquidSearch(query, found, currency) } },
    main: html`<h1>Search</h1>${result}`,
  });
}

/** The product's page, or null when there is no such product. */
export function productPage(visit: Visit, handle: string): ShopAnswer | null {
  const product = findProduct(handle);
  if (product === null) return null;
  const { currency } = visit.session;
  const wanted = visit.request.query.get("variant");
  const chosen = product.variants.find((v) => v.id === wanted) ?? product.variants[0]!;
  const shapes = product.variants.map((v) => [v.id, pixelVariant(product, v, currency)] as const);
  return renderPage(visit, {
    title: product.title,
    events: [productViewed(product, chosen, currency)],
    variants: Object.fromEntries(shapes),
    theme: { type: "product", objects: { product: liquidProduct(product, currency, chosen) } },
    main:
      html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Home</a> / <a href="/collections/all">All products</a> / <span aria-current="page">${product.title}</span></nav>
<div class="product"><div class="product-art">${
        product.variants.map((v) =>
          html`<div data-variant-art="${v.id}"${v.id === chosen.id ? "" : html` hidden`}>${
            productArt(product, v, `${product.title}, ${v.title}`)
          }</div>`
        )
      }</div>
<div class="product-info"><p class="eyebrow">${product.vendor} · ${product.type}</p><h1>${product.title}</h1>
<p class="price" data-price>${display(chosen.price[currency], currency)}</p>
<p>${product.description}</p>
<form class="product-form" action="/cart/add" method="post" data-add-form>
<fieldset><legend>${product.option}</legend><div class="options">${
        product.variants.map((v) => option(v, v === chosen, currency))
      }</div></fieldset>
<label class="quantity">Quantity <input type="number" name="quantity" value="1" min="1" max="99" inputmode="numeric" required></label>
<div class="actions"><button class="button" type="submit" name="return_to" value="/cart">Add to cart</button>
<button class="button quiet" type="submit" name="return_to" value="/checkout">Buy it now</button></div></form>
<ul class="details">${product.details.map((detail) => html`<li>${detail}</li>`)}</ul></div></div>`,
  });
}

function option(variant: Variant, checked: boolean, currency: Currency): SafeHtml {
  return html`<label class="option"><input type="radio" name="id" value="${variant.id}" data-price-text="${
    display(variant.price[currency], currency)
  }"${checked ? html` checked` : ""}><span>${variant.title}</span></label>`;
}

export function notFoundPage(visit: Visit): ShopAnswer {
  return renderPage(visit, {
    status: 404,
    title: "Page not found",
    theme: { type: "404" },
    main: html`<div class="plain"><p class="eyebrow">404</p><h1>There is nothing here.</h1>
<p><a class="button" href="/collections/all">See all products</a></p></div>`,
  });
}
