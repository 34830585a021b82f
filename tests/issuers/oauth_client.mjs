// A TypeScript SDK's own OAuth flow, from a 401 to the tools' results: node oauth_client.mjs PLAN
//
// PLAN is {"sdk": "v1" or "v2", "url", "redirect_url", "calls": [{"name", "arguments"}], "client": METADATA of one that
// is registered already, if any}. Each address that a browser should open is printed as {"open": URL}; what it is sent
// back with is read from stdin as {"code", "state", "iss"}. In the end come {"results": [...]} and the client that was
// used, as {"client": METADATA}.

import { createInterface } from "node:readline";

const plan = JSON.parse(process.argv[2]);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
  plan.sdk === "v2"
    ? await import("@modelcontextprotocol/client")
    : {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
        ...(await import("@modelcontextprotocol/sdk/client/auth.js")),
      };
const browser = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const kept = { client: plan.client };
const provider = {
  redirectUrl: plan.redirect_url,
  clientMetadata: {
    client_name: "a client from elsewhere",
    redirect_uris: [plan.redirect_url],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code"],
    response_types: ["code"],
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  codeVerifier: () => kept.verifier,
  saveDiscoveryState: (discovery) => void (kept.discovery = discovery),
  discoveryState: () => kept.discovery,
  redirectToAuthorization: (url) => console.log(JSON.stringify({ open: url.href })),
};

const version = plan.sdk === "v2" ? { versionNegotiation: { mode: "auto" } } : undefined;
const client = new Client({ name: "test", version: "0" }, version);
let transport;
await authorized(() => {
  transport = new StreamableHTTPClientTransport(new URL(plan.url), { authProvider: provider });
  return client.connect(transport);
});
const results = [];
for (const call of plan.calls) results.push(await authorized(() => client.callTool(call)));
console.log(JSON.stringify({ results, client: kept.client }));
process.exit();

// Do something, once more after each time that it wants a browser.
async function authorized(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const { code, iss } = JSON.parse((await browser.next()).value);
      await transport.finishAuth(code, iss);
    }
  }
}
