"""The log of a call: whole pieces, up to its limit."""

from __future__ import annotations

from agentcore_mcp.server.live.log import LOG_MAX_BYTES, LiveLog, pieces_of


def test_a_full_log_ends_with_a_whole_piece_so_that_nobody_comes_back_for_the_rest_of_one() -> None:
    log = LiveLog()
    while not log.dropped_bytes:
        log.take("text", "é" * 1_001)
    log.take("text", "!")

    offset, count = 0, 0
    while offset < log.kept_bytes:
        pieces, size = pieces_of(log.read(offset, 100_000)[0])
        assert size > 0
        offset, count = offset + size, count + len(pieces)

    assert LOG_MAX_BYTES - 10_000 < log.kept_bytes == offset <= LOG_MAX_BYTES
    assert count > 100
