"""Authentication of requests: SigV4 and bearer flows, and the sources of credentials and tokens."""
