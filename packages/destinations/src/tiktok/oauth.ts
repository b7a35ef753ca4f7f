import type { PlatformOAuth } from "../destination.ts";

/**
 * TikTok for Business (https://business-api.tiktok.com/portal/docs?id=1738373164380162, read 2026-11) is OAuth in outline
 * only: the app is `app_id`, the callback brings `auth_code`, and the exchange is JSON both ways, HTTP 200 whatever happened,
 * with TikTok's own `code`. The permissions are those of the app, so no scope is asked. The token does not end
 * (reference: tiktok §1, said by peers only); one that was revoked holds the lane like any refused token. No PKCE.
 */
export const oauth: PlatformOAuth = {
  authorizationEndpoint: "https://business-api.tiktok.com/portal/auth",
  tokenEndpoint: "https://business-api.tiktok.com/open_api/v1.3/oauth2/access_token/",
  clientIdName: "app_id",
  codeName: "auth_code",
  clientAuth: "json",
  authorization: {},
  token: {},
  pkce: false,
  renewal: "none",
  clientErrors: [],
};
