"""The server as a company hosts it, under load: ``python -m benchmarks.hosted --help``."""
