"""What this project takes, beside its peers and beside the least that is possible: ``python -m benchmarks --help``."""
