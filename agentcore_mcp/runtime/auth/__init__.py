"""How requests prove who sends them: SigV4 and bearer flows, where tokens come from, and redaction."""
