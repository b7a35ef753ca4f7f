/**
 * What the page says of itself. Its text may name an element like anything on `document` (`<img name=cookie>`) or like a global nobody
 * has set (`<form id=Shopify>`), and then the element is what is read there. The browser's own are asked past both.
 */

/** A property of the document as the browser has it. */
export const ofDocument = <K extends keyof Document>(name: K): Document[K] =>
  Reflect.get(Document.prototype, name, document);

/** A global some script has set. */
export const globalOf = (name: string): unknown =>
  Object.hasOwn(self, name) ? (self as unknown as Record<string, unknown>)[name] : undefined;
