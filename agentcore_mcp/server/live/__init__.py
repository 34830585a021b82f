"""The live view: a page that shows a call while it goes on, in hosts that know MCP Apps or in a browser."""
