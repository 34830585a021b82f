// In the host's page: the app in a sandboxed frame, and the official bridge to it. The host's own MCP client is in Node.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const HOST = { name: "agentcore-mcp-tests", version: "1.0.0" };

// capabilities: of the host; context: theme, styles and the like; calls are made by window.callTool.
window.showApp = async ({ capabilities, context }) => {
  document.querySelector("iframe")?.remove();
  document.documentElement.style.colorScheme = context.theme ?? "light";
  const frame = document.createElement("iframe");
  frame.title = "Live view";
  frame.sandbox = "allow-scripts";
  const seen = (window.seen = { told: [], opened: [], sizes: [], ready: false });
  const bridge = (window.bridge = new AppBridge(null, HOST, capabilities, { hostContext: context }));
  bridge.oncalltool = (params) => window.callTool(params);
  bridge.onupdatemodelcontext = async ({ content }) => (seen.told.push(content.map(({ text }) => text).join("\n")), {});
  bridge.onopenlink = async ({ url }) => (seen.opened.push(url), {});
  bridge.addEventListener("sizechange", ({ width, height }) => {
    seen.sizes.push([width, height]);
    frame.style.height = `${height}px`;
  });
  bridge.addEventListener("initialized", () => (seen.ready = true));
  document.body.append(frame);
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.src = "/app";
};
