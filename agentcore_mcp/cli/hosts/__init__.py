"""MCP hosts' configuration: where each host keeps its servers, and edits that leave the rest of those files alone."""
