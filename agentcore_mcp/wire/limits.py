"""The numbers of the service: sizes, times, counts.

From botocore's ``bedrock-agentcore`` 2024-02-28 service model unless a page of AWS's developer guide is named; those of
single headers are in ``headers``.
"""

from __future__ import annotations

from datetime import timedelta

SESSION_ID_MIN_CHARS = 33
SESSION_ID_MAX_CHARS = 256
HARNESS_SESSION_ID_MAX_CHARS = 100
USER_ID_MAX_CHARS = 1024
PAYLOAD_MAX_BYTES = 100_000_000
COMMAND_MAX_CHARS = 65_536
COMMAND_TIMEOUT_MIN_S = 1
COMMAND_TIMEOUT_MAX_S = 3600
COMMAND_TIMEOUT_DEFAULT_S = 300

# The session ports that a runtime may allow, except the reserved one (`allowedPorts` of `bedrock-agentcore-control`),
# and how many entries it may have.
ALLOWED_PORTS = range(8000, 12_001)
RESERVED_PORT = 8443
ALLOWED_PORTS_MAX_ENTRIES = 5

# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html: the time limits of a
# synchronous response, of a stream, of an idle session, and of any session.
SYNCHRONOUS_MAX_S = 900.0
STREAM_MAX_S = 3_600.0
IDLE_TIMEOUT_S = 900.0
SESSION_LIFETIME_S = 28_800.0

# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-get-started-websocket.html: how long a presigned
# URL is valid at most, and how large a frame may be: 32 KB, taken as 32,000 bytes.
PRESIGNED_MAX_S = 300
FRAME_MAX_BYTES = 32_000

# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-get-started-command-shell.html: shells per
# session, the output kept for a client that reconnects, and the frames of its terminal.
SHELLS_MAX = 10
SHELL_REPLAY_BYTES = 256 * 1024
SHELL_FRAME_MAX_BYTES = 64 * 1024
SHELL_TEXT_FRAMES_MAX = 5

# AWS's rule for the time in a signature (IAM user guide, "Troubleshoot signed requests"), in both directions.
SIGNATURE_SKEW = timedelta(minutes=5)
# A token that has less time left is refused: "Ineffectual token, will expire within the next minute" (captures of the
# real service).
TOKEN_MIN_LEFT_S = 60
