// JSON-RPC with the host of an MCP App, by postMessage (specification 2026-01-26).

const TIMEOUT_MS = 60_000;

export class HostError extends Error {}

export class Rpc {
  #asked = new Map();
  #handlers;
  #id = 0;

  // handlers: by method, for what the host sends; what one returns answers a request.
  constructor(handlers) {
    this.#handlers = handlers;
    window.addEventListener("message", ({ source, data }) => {
      if (source === window.parent && data?.jsonrpc === "2.0") this.#receive(data);
    });
  }

  notify(method, params = {}) {
    this.#send({ method, params });
  }

  request(method, params, timeoutMs = TIMEOUT_MS) {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new HostError(`the host did not answer ${method}`)), timeoutMs);
      this.#asked.set(id, { resolve, reject, timer });
      this.#send({ id, method, params });
    });
  }

  #send(message) {
    // Any origin: which one the host has is not known, and nothing here is secret from it.
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  #settle(id) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    clearTimeout(asked?.timer);
    return asked;
  }

  #receive({ id, method, params, result, error }) {
    if (method === undefined) {
      if (error) this.#settle(id)?.reject(new HostError(error.message));
      else this.#settle(id)?.resolve(result);
      return;
    }
    const handler = this.#handlers[method];
    const answer = handler?.(params ?? {});
    if (id === undefined) return;
    if (handler) this.#send({ id, result: answer ?? {} });
    else this.#send({ id, error: { code: -32601, message: `unknown method ${method}` } });
  }
}
