/** Scopes the app asks for, as `shopify.app.toml` names them. */
export const SCOPES = [
  "read_customer_events",
  "read_customers",
  "read_orders",
  "write_app_proxy",
  "write_pixels",
] as const;
