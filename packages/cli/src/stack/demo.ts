/** Ids of the form each vendor has, and tokens the sandbox takes. Not secret: nothing but the sandbox knows them. */
export const DEMO_DESTINATIONS: Record<string, { id: string; token: string }> = {
  meta: { id: "100000000000001", token: "demo-meta-access-token" },
  tiktok: { id: "C0DEMOPIXELTRAKIT000", token: "demo-tiktok-access-token" },
  pinterest: { id: "549755800001", token: "demo-pinterest-access-token" },
  snapchat: { id: "0de3000a-7a1c-4e57-9a00-000000000001", token: "demo-snapchat-access-token" },
  google: { id: "G-DEMO000001", token: "demo-google-api-secret" },
};
