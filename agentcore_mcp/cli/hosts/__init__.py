"""How MCP hosts are told of this server: where each keeps its servers, and edits of those files that keep the rest."""
