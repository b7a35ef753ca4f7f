/** The thank-you page: the order, and where to watch its event go. */
import { productArt } from "../art.ts";
import type { Visit } from "../context.ts";
import { COUNTRIES } from "../countries.ts";
import { conversionEventId } from "../ids.ts";
import { html } from "../html.ts";
import type { ShopAnswer } from "../http.ts";
import { renderPage } from "../layout.ts";
import { display } from "../money.ts";
import { checkoutCompleted } from "../pixel-shapes.ts";
import type { PlacedOrder } from "../state.ts";
import { totals } from "./checkout.ts";

export function thankYouPage(visit: Visit, order: PlacedOrder): ShopAnswer {
  const { cart, buyer } = order;
  // A HEAD request shows nobody the page.
  const first = !order.seen && visit.request.method === "GET";
  order.seen ||= first;
  const deliveries = visit.shop.webhooks.list().filter((delivery) => delivery.order_id === order.id);
  const eventId = conversionEventId(visit.shop.domain, "checkout_completed", order.checkoutToken);
  return renderPage(visit, {
    title: "Thank you",
    events: first ? [checkoutCompleted(order)] : [],
    main: html`<p class="eyebrow">Order ${order.name}${order.test ? " · test order" : ""}</p>
<h1>Thank you${buyer.first_name === "" ? "" : `, ${buyer.first_name}`}!</h1>
<div class="split"><div class="fields">
<section class="panel" aria-labelledby="follow"><h2 id="follow">Follow the event</h2>
<ol class="steps"><li>Shopify's webhooks went to TrakIt: <ul class="deliveries" data-deliveries="${order.id}">${
      deliveries.map((delivery) =>
        html`<li><code>${delivery.topic}</code> <span class="state" data-state="${delivery.state}" data-webhook="${delivery.webhook_id}">${delivery.state}</span></li>`
      )
    }</ul></li>
<li>In a terminal: <code>npm run trakit -- tail</code> shows the event and where it went.</li>
<li>What the ad platforms received: <a href="${visit.shop.sandboxUrl}" rel="noopener">the vendor sandbox</a>.</li></ol>
<dl class="facts"><div><dt>Event id</dt><dd><code>${eventId}</code></dd></div>
<div><dt>Order id</dt><dd><code>${order.id}</code></dd></div>
<div><dt>Checkout token</dt><dd><code>${order.checkoutToken}</code></dd></div></dl>
<p class="hint">Browser and server send this one event id, so the platforms count one purchase.</p></section>
<section aria-labelledby="to"><h2 id="to">${cart.shipping === null ? "Sent to" : "Shipped to"}</h2>
<address>${
      [
        `${buyer.first_name} ${buyer.last_name}`.trim(),
        buyer.address1,
        buyer.address2,
        `${buyer.zip} ${buyer.city}`.trim(),
        COUNTRIES[cart.country].name,
        buyer.email,
      ]
        .filter((line) => line !== "").map((line) => html`${line}<br>`)
    }</address></section></div>
<aside class="summary" aria-label="Order summary"><ul class="lines small">${
      cart.lines.map((line) =>
        html`<li class="line"><span class="thumb">${productArt(line.product, line.variant, "")}</span>
<div><span class="line-title">${line.product.title}</span><p class="hint">${line.variant.title} × ${line.quantity}</p></div>
<p class="line-price">${display(line.net.presentment, cart.currency)}</p></li>`
      )
    }</ul>${totals(cart)}
<p><a class="button quiet wide" href="/collections/all">Buy something else</a></p></aside></div>`,
  });
}
