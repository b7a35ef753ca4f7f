import type { PlatformOAuth } from "../destination.ts";

/**
 * https://developers.snap.com/api/marketing-api/Ads-API/authentication (read 2026-11): client id and secret in the body,
 * access tokens of an hour (`expires_in` says), a refresh token that stays. The scope is the conversions API's own
 * (reference: snapchat §1). PKCE is not among the parameters documented: left out.
 */
export const oauth: PlatformOAuth = {
  authorizationEndpoint: "https://accounts.snapchat.com/login/oauth2/authorize",
  tokenEndpoint: "https://accounts.snapchat.com/login/oauth2/access_token",
  clientIdName: "client_id",
  codeName: "code",
  clientAuth: "post",
  authorization: { scope: "snapchat-offline-conversions-api" },
  token: {},
  pkce: false,
  renewal: "refresh_token",
  clientErrors: [],
};
