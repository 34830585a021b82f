"""The blocking half of the runtime client: every module here is generated, by ``scripts/unasync.py``."""
