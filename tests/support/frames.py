"""The error frames that the service ends a stream with."""

from __future__ import annotations

import json

from agentcore_mcp.wire.frames import encode_frame

# The limit that the event-stream specification sets for the value of a header.
MAX_HEADER_VALUE_BYTES = 32_767


def encode_exception(code: str, message: str) -> bytes:
    """Encode a modelled error, such as ``ThrottlingException``, as the frame that ends a stream."""
    name = code[:1].lower() + code[1:]
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    return encode_frame(headers, json.dumps({"message": message}).encode())


def encode_error(code: str, message: str) -> bytes:
    """Encode an unmodelled error as the frame that ends a stream; a message too long for a header is cut."""
    text = message.encode("utf-8", "replace")[:MAX_HEADER_VALUE_BYTES].decode("utf-8", "ignore")
    return encode_frame({":message-type": "error", ":error-code": code, ":error-message": text}, b"")
