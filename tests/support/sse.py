"""The other side of ``wire.sse``: events as an agent writes them."""

from __future__ import annotations


def encode_sse(data: str, *, event: str | None = None, id: str | None = None) -> bytes:  # noqa: A002
    r"""Encode one event; several lines of data become several data lines, whatever their line ends were.

    A lone surrogate, which UTF-8 can't carry, goes out as the escape ``\udXXX``: in JSON that is the same string.
    """
    lines = [f"{name}: {value}" for name, value in (("event", event), ("id", id)) if value is not None]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError(f"the type and the id of an event have no line ends, unlike {event!r} and {id!r}")
    lines += [f"data: {line}" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "backslashreplace")
