import { html } from "../html.ts";

/** The newsletter form of the theme's footer. */
export const newsletterForm =
  html`<form class="newsletter" id="newsletter" action="/contact" method="post"><input type="hidden" name="form_type" value="customer"><input type="hidden" name="contact[tags]" value="newsletter">
<label><span>News from the shop, twice a year</span><input name="contact[email]" type="email" placeholder="you@example.com" autocomplete="email" maxlength="255" required></label><button class="button quiet" type="submit">Sign up</button></form>`;
