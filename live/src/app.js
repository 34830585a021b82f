// The page as an MCP App: shows the call whose result the host hands it, and acts through the host.

import { CallView } from "./call.js";
import { Rpc } from "./rpc.js";

const PROTOCOL = "2026-01-26";

export class App {
  #rpc = new Rpc({
    ping: () => ({}),
    "ui/resource-teardown": () => this.#view.leave(),
    "ui/notifications/tool-input": ({ arguments: given }) => this.#view.given(given ?? {}),
    "ui/notifications/tool-result": (result) => this.#view.begin(result),
    "ui/notifications/tool-cancelled": ({ reason }) => this.#view.ended("Cancelled", reason),
    "ui/notifications/host-context-changed": (context) => this.#wear(context),
  });
  #view;
  #capabilities = {};

  constructor(main) {
    this.#view = new CallView(this);
    main.append(this.#view.element);
    main.classList.add("app");
    this.#start(main);
  }

  async #start(main) {
    const { hostCapabilities, hostContext } = await this.#rpc.request("ui/initialize", {
      appInfo: { name: "agentcore-mcp", title: "Live view", version: "1" },
      appCapabilities: { availableDisplayModes: ["inline"] },
      protocolVersion: PROTOCOL,
    });
    this.#capabilities = hostCapabilities ?? {};
    this.#wear(hostContext ?? {});
    this.#rpc.notify("ui/notifications/initialized");
    new ResizeObserver(() => {
      const { width, height } = main.getBoundingClientRect();
      this.#rpc.notify("ui/notifications/size-changed", { width: Math.ceil(width), height: Math.ceil(height) });
    }).observe(main);
  }

  // Takes over the host's look: its theme, its CSS variables, and the tool that is shown.
  #wear({ theme, styles, toolInfo }) {
    const root = document.documentElement;
    if (theme === "light" || theme === "dark") root.style.colorScheme = theme;
    for (const [name, value] of Object.entries(styles?.variables ?? {})) {
      if (name.startsWith("--") && value) root.style.setProperty(name, value);
    }
    if (toolInfo) this.#view.named(toolInfo.tool.name);
    this.#view.restyled();
  }

  get acts() {
    return Boolean(this.#capabilities.serverTools);
  }

  // Calls a tool; rejects if the host can't.
  call(name, given) {
    return this.#rpc.request("tools/call", { name, arguments: given });
  }

  // Tells the model how the call ended, so that it need not ask.
  tell(text) {
    if (!this.#capabilities.updateModelContext) return;
    this.#rpc.request("ui/update-model-context", { content: [{ type: "text", text }] }).catch(() => {});
  }

  // Opens a page for the user, who clicked a link to it.
  open(url) {
    this.#rpc.request("ui/open-link", { url }).catch(() => {});
  }
}
