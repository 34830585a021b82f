// Unpacks the page's script and runs it; the page's policy knows it by its hash.
const packed = Uint8Array.from(atob(document.getElementById("packed").textContent), (char) => char.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const asIs = { createScript: (text) => text };
const policy = window.trustedTypes ? trustedTypes.createPolicy("agentcore-mcp", asIs) : asIs;

new Response(unpacked).text().then((text) => {
  const script = document.createElement("script");
  script.text = policy.createScript(text);
  document.body.append(script);
});
