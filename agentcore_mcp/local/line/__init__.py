"""The line of the local AgentCore: requests and their answers over HTTP, its refusals, faults and journal."""
