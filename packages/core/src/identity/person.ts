/** A person in clear text, as an order, a checkout or a form shows them. Lives in memory only. */
export interface ClearPerson {
  /** Best first. */
  emails: string[];
  /** Best first, each with the country of its own address (any spelling), null = unknown. */
  phones: { value: string; country: string | null }[];
  first_name: string | null;
  last_name: string | null;
  street: string | null;
  city: string | null;
  /** Full name of the state or province. */
  region: string | null;
  /** Its code, as Shopify's `province_code`. */
  region_code: string | null;
  postal_code: string | null;
  country: string | null;
  external_ids: string[];
  gender?: string | null;
  date_of_birth?: string | null;
}
