"""Authentication of the local AgentCore's callers: SigV4 signatures, bearer tokens, and the issuer of test tokens."""
