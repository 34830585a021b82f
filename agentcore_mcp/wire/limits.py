"""The numbers of the service: sizes, times, counts.

From botocore's ``bedrock-agentcore`` 2024-02-28 service model unless a page of AWS's developer guide is named; those of
single headers are in ``headers``.
"""

SESSION_ID_MIN_CHARS = 33
SESSION_ID_MAX_CHARS = 256
USER_ID_MAX_CHARS = 1024
PAYLOAD_MAX_BYTES = 100_000_000
COMMAND_MAX_CHARS = 65_536
COMMAND_TIMEOUT_MIN_S = 1
COMMAND_TIMEOUT_MAX_S = 3600
COMMAND_TIMEOUT_DEFAULT_S = 300
