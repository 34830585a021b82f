"""Who may call the local AgentCore: SigV4 signatures, bearer tokens, and the issuer of its test tokens."""
