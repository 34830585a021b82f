"""The error frame that the service ends a stream with, if the error is not in its model."""

from __future__ import annotations

from agentcore_mcp.wire.eventstream.frames import encode_frame

# The limit that the event-stream specification sets for the value of a header.
MAX_HEADER_VALUE_BYTES = 32_767


def encode_error(code: str, message: str) -> bytes:
    """Encode an unmodelled error as the frame that ends a stream; a message too long for a header is cut."""
    text = message.encode("utf-8", "replace")[:MAX_HEADER_VALUE_BYTES].decode("utf-8", "ignore")
    return encode_frame({":message-type": "error", ":error-code": code, ":error-message": text}, b"")
