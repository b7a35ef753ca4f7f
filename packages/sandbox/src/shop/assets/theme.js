/**
 * Behaviour of the demo theme. Every action is a plain form underneath; this only saves page loads. It knows of no measuring; that the cart
 * changed it tells the platform ("shop:cart-changed"), as Shopify's own storefront does.
 */
(() => {
  "use strict";

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  let toastTimer;
  function toast(text) {
    const box = one("#toast");
    box.textContent = text;
    box.classList.add("shown");
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => box.classList.remove("shown"), 3500);
  }

  async function refreshCount() {
    const answer = await fetch("/cart.js", { headers: { accept: "application/json" } });
    const cart = await answer.json();
    for (const badge of all("[data-cart-count]")) badge.textContent = String(cart.item_count);
  }

  async function addToCart(form, submitter) {
    const fields = new FormData(form);
    // The id stays a string: as a number it could be rounded.
    const item = { id: String(fields.get("id")), quantity: Number(fields.get("quantity")) };
    const answer = await fetch("/cart/add.js", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ items: [item] }),
    });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      toast(problem.description || "That did not work.");
      return;
    }
    document.dispatchEvent(
      new CustomEvent("shop:cart-changed", {
        detail: { name: "product_added_to_cart", variantId: item.id, quantity: item.quantity },
      }),
    );
    if (submitter !== null && submitter.value === "/checkout") {
      location.assign("/checkout");
      return;
    }
    toast("Added to your cart");
    await refreshCount();
  }

  function productForm(form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const buttons = all("button", form);
      for (const button of buttons) button.disabled = true;
      addToCart(form, event.submitter || null)
        .catch(() => toast("The shop cannot be reached."))
        .finally(() => {
          for (const button of buttons) button.disabled = false;
        });
    });
    form.addEventListener("change", (event) => {
      const radio = event.target;
      if (radio.name !== "id") return;
      for (const art of all("[data-variant-art]")) art.hidden = art.dataset.variantArt !== radio.value;
      one("[data-price]").textContent = radio.dataset.priceText;
      const url = new URL(location.href);
      url.searchParams.set("variant", radio.value);
      history.replaceState(null, "", url);
    });
  }

  function checkoutPage(form) {
    const update = one("button.button[value=update]", form);
    for (const select of all("[data-refresh]", form)) {
      select.addEventListener("change", () => form.requestSubmit(update));
    }
  }

  /** Follows the order's webhooks until Shopify is done with them. */
  function followDeliveries(list) {
    const orderId = list.dataset.deliveries;
    let left = 60;
    async function look() {
      const answer = await fetch(`/_admin/webhooks?order_id=${encodeURIComponent(orderId)}`);
      const { webhooks } = await answer.json();
      for (const webhook of webhooks) {
        const state = all("[data-webhook]", list).find((item) => item.dataset.webhook === webhook.webhook_id);
        if (state === undefined) continue;
        const last = webhook.attempts[webhook.attempts.length - 1];
        const tried = webhook.attempts.length > 1 ? `, ${webhook.attempts.length} attempts` : "";
        state.dataset.state = webhook.state;
        state.textContent = last === undefined
          ? webhook.state
          : `${webhook.state} (${last.status || last.error}${tried})`;
      }
      left -= 1;
      if (left > 0 && webhooks.some((webhook) => webhook.state === "pending")) {
        setTimeout(() => look().catch(() => {}), 1000);
      }
    }
    look().catch(() => {});
  }

  all("[data-add-form]").forEach(productForm);
  all("[data-checkout-page]").forEach(checkoutPage);
  all("[data-deliveries]").forEach(followDeliveries);
})();
