/**
 * A registration or a newsletter form among the forms a page submits. Shopify's forms say what they are in a hidden field `form_type`
 * (Liquid `{% form 'create_customer' %}`, `'customer'`, `'contact'`). Whether Shopify accepted the form is not known then.
 */

interface Field {
  name?: unknown;
  value?: unknown;
}

const NAMES: Record<string, string> = {
  create_customer: "customer_registered",
  customer: "lead_submitted",
  contact: "lead_submitted",
};

export interface Lead {
  name: string;
  customer: { email?: string; phone?: string; firstName?: string; lastName?: string };
}

/** Whether a form goes to the page's own host, as Shopify's do; it may be named whole, from the root, or not at all. */
function ownForm(action: unknown, page: string | undefined): boolean {
  try {
    return new URL(`${action ?? ""}`, page).host === new URL(page!).host;
  } catch {
    return false;
  }
}

/**
 * @param data of the DOM event `form_submitted`
 * @param page address of the page it was sent from
 */
export function leadOf(data: unknown, page: string | undefined): Lead | null {
  const { elements, action } =
    (data as { element?: { elements?: unknown; action?: unknown } } | null)?.element ?? {};
  if (!Array.isArray(elements) || !ownForm(action, page)) return null;
  const field = (...names: string[]): string | undefined => {
    for (const one of elements as (Field | null)[]) {
      if (typeof one?.value === "string" && one.value && names.includes(`${one.name}`)) return one.value;
    }
    return undefined;
  };
  const person = (key: string) => field(`customer[${key}]`, `contact[${key}]`);
  const type = field("form_type") ?? "";
  const name = Object.hasOwn(NAMES, type) && NAMES[type];
  const found = {
    email: person("email"),
    phone: person("phone"),
    firstName: person("first_name"),
    lastName: person("last_name"),
  };
  if (!name || !(found.email || found.phone)) return null;
  return { name, customer: Object.fromEntries(Object.entries(found).filter(([, value]) => value)) };
}
