// A foreign authorization server: oidc-provider with the clients, keys and grants that a test wants.
//
// node provider.mjs '{"resources": [URL], "clients": [METADATA], "keys": [JWK], "scopes": [..], "granted": [..]}'
//
// Prints {"issuer": URL} once it listens. Each further line on stdin replaces members of that document, from the next
// request on, and is answered with {}. Whoever signs in is "alice"; she grants the scopes in "granted" and no others.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const plan = JSON.parse(process.argv[2]);
const server = createServer((request, response) => handle(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
let handle = handler();
console.log(JSON.stringify({ issuer }));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const change = JSON.parse(line);
    Object.assign(plan, change);
    // Other keys need another provider, which knows nobody that has registered with this one.
    if (change.keys) handle = handler();
    console.log("{}");
  })
  .on("close", () => process.exit());

function handler() {
  const provider = new Provider(issuer, {
    clients: plan.clients,
    jwks: { keys: plan.keys },
    cookies: { keys: ["not-a-real-secret"] },
    pkce: { required: () => true },
    scopes: ["openid", "offline_access", ...plan.scopes],
    ttl: { Session: 600, Interaction: 600, Grant: 600, RefreshToken: 600 },
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    loadExistingGrant,
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: plan.registration ?? true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: plan.scopes.join(" "),
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: plan.lifetime ?? 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  const callback = provider.callback();
  return (request, response) => {
    // The pages to sign in and to consent, filled in and sent.
    if (request.url.startsWith("/interaction/")) {
      provider.interactionFinished(request, response, { login: { accountId: "alice" }, consent: {} });
    } else {
      callback(request, response);
    }
  };
}

// What she consents to.
async function loadExistingGrant(ctx) {
  const { client, session, provider, params } = ctx.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(["openid", "offline_access", ...plan.scopes].join(" "));
  for (const resource of [params.resource].flat().filter(Boolean)) {
    for (const scope of plan.scopes) {
      if (plan.granted.includes(scope)) grant.addResourceScope(resource, scope);
      else grant.rejectResourceScope(resource, scope);
    }
  }
  await grant.save();
  return grant;
}
