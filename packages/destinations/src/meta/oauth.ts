import type { PlatformOAuth } from "../destination.ts";

/**
 * Facebook Login, built by hand (https://developers.facebook.com/documentation/facebook-login/guides/advanced/manual-flow,
 * read 2026-11). The code brings a token of an hour or two, which is traded for one of about 60 days; that one is traded for
 * the next while it is good, and an expired one cannot be (…/guides/access-tokens/get-long-lived). A login configuration of
 * Facebook Login for Business may give tokens that do not end.
 * PKCE stands in Meta's guide for manual flows with OpenID Connect ("still in testing"); with our scope it is used by common
 * libraries and not written anywhere: unconfirmed. Meta documents the exchanges as GET; they are sent as POST, as those
 * libraries do, so that no secret stands in an address.
 */
export const oauth: PlatformOAuth = {
  authorizationEndpoint: "https://www.facebook.com/v25.0/dialog/oauth",
  tokenEndpoint: "https://graph.facebook.com/v25.0/oauth/access_token",
  clientIdName: "client_id",
  codeName: "code",
  clientAuth: "post",
  authorization: { scope: "ads_management" },
  token: {},
  pkce: true,
  renewal: "exchange",
  // 1: wrong client secret, 101: no such app; 190 is the merchant's token
  clientErrors: [1, 101],
};
