// The official TypeScript SDK as an MCP host: does what a plan says, prints what it saw as one JSON document.
//
// node client.mjs '{"command", "args", "env"} or {"url"}, plus {"journal", "calls": [{"name", "arguments", "cancel"}]}'
//
// A call with "cancel" is aborted as soon as that text has arrived as progress, and the journal of the local AgentCore
// is then read, with the connection still open, until the session's last request is no longer open or the time is up.
// Asserting is left to the test that runs this.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const CALL_LIMIT_MS = 45_000;
const UPSTREAM_CLOSED_LIMIT_MS = 30_000;

const plan = JSON.parse(process.argv[2]);
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url))
  : new StdioClientTransport({ command: plan.command, args: plan.args, env: plan.env });
const client = new Client({ name: "agentcore-mcp-tests", version: "1.0.0" });
await client.connect(transport);
try {
  const { tools } = await client.listTools();
  const calls = [];
  for (const call of plan.calls) calls.push(await made(call));
  console.log(JSON.stringify({ server: client.getServerVersion(), tools, calls }));
} finally {
  await client.close();
}

async function made({ name, arguments: args, cancel }) {
  const events = [];
  const abort = new AbortController();
  const onprogress = (progress) => {
    events.push({ progress });
    if (cancel && progress.message.includes(cancel)) abort.abort("the test has seen enough");
  };
  try {
    const options = { onprogress, signal: abort.signal, timeout: CALL_LIMIT_MS };
    events.push({ result: await client.callTool({ name, arguments: args }, undefined, options) });
  } catch (error) {
    events.push({ error: String(error) });
  }
  return cancel ? { events, upstream: await ended(args.session_id) } : { events };
}

// What the local AgentCore knows of the last request in a session, once that is no longer open.
async function ended(sessionId) {
  const deadline = Date.now() + UPSTREAM_CLOSED_LIMIT_MS;
  for (;;) {
    const requests = await (await fetch(plan.journal)).json();
    const last = requests.filter((request) => request.session_id === sessionId).at(-1);
    if ((last && last.state !== "open") || Date.now() > deadline) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
