"""The local AgentCore's HTTP layer: requests and responses, error responses, faults and the journal."""
