"""The words of one answer so far, and the new words in each event.

Agents say the same words several times: piece by piece, again as a complete message, again in the state of a graph,
again as the result. Pieces are always new. A complete message is a copy if the words so far end with it. If its id came
before, only the added end is new, or all of it if it was rewritten. So a reader misses only repetitions. Used by
``wire.text`` and ``wire.dialects``, which know the frameworks; this module doesn't.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from agentcore_mcp.wire.characters import WholeCharacters, valid_unicode
from agentcore_mcp.wire.tooluse import Memory, ToolUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentcore_mcp.wire.pauses import Pause

_COMPARED_CHARS = 1000  # compared at the end of a message: enough to detect a copy, at constant cost
_RECENT_PIECES_MAX = 64  # then they are joined and cut, to keep memory independent of the answer's length

_WHITE_SPACE_CHARS = 100  # extra white space that the words so far may have, compared with a copy


@dataclass(slots=True)
class Said:
    """Length and digests of the part of a message that was already said, to compare later versions with it."""

    chars: int = 0
    digest: int = 0
    packed: int = 0  # the digest without white space: complete messages may have less of it than their pieces had

    def add(self, text: str) -> None:
        """Add text that was said."""
        data = text.encode("utf-8", "surrogatepass")
        self.chars += len(text)
        self.digest = crc32(data, self.digest)
        self.packed = crc32(b"".join(data.split()), self.packed)

    def rest_of(self, text: str) -> str | None:
        """Return the end that a later version of the message adds, None if the version begins differently."""
        version = Said()
        version.add(text[: self.chars])
        if version.digest == self.digest and len(text) >= self.chars:
            return text[self.chars :]
        version.add(text[self.chars :])
        return "" if version.packed == self.packed else None


class Speech:
    """Collects the words of one answer; each method returns the words that its call adds."""

    def __init__(self) -> None:
        self.tools = ToolUse()
        self.pauses: list[Pause] = []
        self.muted = False  # while true nothing but failures and pauses is said
        self._known: Memory[Any] = Memory()  # versions of messages, pauses, and lines said once
        self._messages: Memory[Said] = Memory()
        self._latest: object = None  # the id of the message that the last words belong to
        self._mark: object = None
        self._voice: object = None
        self._rank = 0
        self._piecewise = False  # whether pieces came since the last complete message
        self._recent: list[str] = []
        self._last_chars = 0
        self._line_ended = True
        self._break = False  # whether the next words begin on a new line
        self._characters = WholeCharacters()

    def piece(self, text: str, message_id: object = None) -> str:
        """Say a piece of a message that is being written."""
        if message_id is not None and text:
            self._messages.of(message_id, Said)[0].add(text)
        self._voice = None
        return self._add(text, message_id)

    def ranked(self, text: str, rank: int) -> str:
        """Say a piece, unless a source of a higher rank has already said the same pieces."""
        if rank < self._rank:
            return ""
        self._rank = rank
        self._voice = None
        return self._add(text)

    def ranked_message(self, text: str, message_id: object = None) -> str:
        """Say a complete message, unless it came piece by piece."""
        return self.messages([("" if self._rank else text, message_id)])

    def voiced(self, text: str, voice: object, *, is_whole: bool = False) -> str:
        """Say a text that is a piece or, if the last words had another voice, perhaps a repetition of all pieces.

        Args:
            text: The words.
            voice: The kind of the event, compared with that of the last words.
            is_whole: Whether the text is always complete, never a piece.
        """
        if voice != self._voice and (is_whole or len(text) > self._last_chars) and self._ends_with(text):
            return ""
        self._voice = voice
        return self._add(text)

    def message(self, text: str, message_id: object = None) -> str:
        """Say a complete message, on lines of its own."""
        return self.messages([(text, message_id)])

    def messages(self, messages: Sequence[tuple[str, object]]) -> str:
        """Say the new messages of a conversation, in order; each is a text and an id."""
        new: list[tuple[str, object, bool]] = []
        for text, message_id in messages:
            rest, grows = self._new_of(text, message_id)
            if rest:
                new.append((rest, message_id, grows and message_id == self._latest))
        if not messages:
            return ""
        is_copy = bool(new) and not new[-1][2] and self._piecewise and self._ends_with(new[-1][0])
        self.tools.end()
        words = ""
        for rest, message_id, continues in () if is_copy else new:
            if continues:
                self._break = False
            else:
                self._begin_line()
            words += self._add(rest, message_id)
        self._begin_line()
        self._mark = None
        self._piecewise = False
        return words

    def result(self, text: str) -> str:
        """Say the result of the run, on lines of its own, unless the words so far end with it."""
        self.turn()
        return "" if self._ends_with(text) else self._own_line(text)

    def line(self, text: str) -> str:
        """Say something other than the agent's words, on lines of its own."""
        self._begin_line()
        words = self._add(text, is_aside=True)
        self._begin_line()
        return words

    def failure(self, text: str) -> str:
        """Say that something went wrong, even if muted."""
        return self._aside(f"error: {text}")

    def pause(self, pause: Pause) -> str:
        """Say a question that a person has to answer, even if muted, and keep it."""
        if not self._known.is_new(f"pause {pause.id or hash(pause.question)}"):
            return ""
        self.pauses.append(pause)
        return self._aside(pause.text)

    def turn(self, mark: object = None) -> None:
        """Begin the next words on a new line, if the mark is new or none is given."""
        if mark is None or mark != self._mark:
            self._mark = mark
            self._begin_line()
            self.tools.end()

    def once(self, text: str) -> str:
        """Say a line of its own, unless this method said the same before."""
        return self.line(text) if self._known.is_new(f"once {hash(text)}") else ""

    def opened(self, words: str) -> str:
        """Return the words of a message that was just said; it may turn out to be only the first piece."""
        self._break = self._break and not words
        return words

    def reopen(self, message_id: object) -> None:
        """Allow more pieces of a message that was just said, if the last words were its own."""
        self._break = self._break and message_id != self._latest

    @property
    def ends_sentence(self) -> bool:
        """Whether the last words look like a sentence, rather than like a piece of one."""
        last = self._recent[-1].strip() if self._recent else ""
        return " " in last and last[-1] in ".!?…"

    @property
    def is_silent(self) -> bool:
        """Whether nothing was said yet."""
        return not self._recent

    def close(self) -> str:
        """End the answer and return the words that were held back until then."""
        self.tools.end()
        return self._characters.close()

    def _new_of(self, text: str, message_id: object) -> tuple[str, bool]:
        """Return the new part of a complete message, and whether it continues an earlier version."""
        if not isinstance(message_id, str) or not message_id:
            return text, False
        if not self._known.is_new(f"{message_id} {hash(text)}"):
            return "", False
        said, came_before = self._messages.of(message_id, Said)
        rest = said.rest_of(text)
        grows = came_before and bool(said.chars) and rest is not None
        if rest is None:  # rewritten
            said.chars = said.digest = said.packed = 0
            rest = "" if self._ends_with(text) else text
            said.add(text)
        else:
            said.add(rest)
        return rest, grows

    def _aside(self, text: str) -> str:
        muted, self.muted = self.muted, False
        words = self.line(text)
        self.muted = muted
        return words

    def _own_line(self, text: str) -> str:
        self._begin_line()
        words = self._add(text)
        self._begin_line()
        return words

    def _begin_line(self) -> None:
        self._break = self._break or not self.muted

    def _add(self, text: str, message_id: object = None, *, is_aside: bool = False) -> str:
        if self.muted:
            return ""
        text = self._characters.feed(text)
        if not text:
            return ""
        self._latest = message_id
        if self._break:
            self._break = False
            if not self._line_ended:
                text = "\n" + text
        self._line_ended = text[-1] == "\n"
        if is_aside:
            return text
        self._piecewise = True
        self._last_chars = len(text)
        self._recent.append(text if len(text) <= 2 * _COMPARED_CHARS else text[-2 * _COMPARED_CHARS :])
        if len(self._recent) > _RECENT_PIECES_MAX:
            self._recent = ["".join(self._recent)[-2 * _COMPARED_CHARS :]]
        return text

    def _ends_with(self, text: str) -> bool:
        """Return whether the words so far end with these; white space doesn't count, as line ends were added."""
        end = valid_unicode("".join(text[-_COMPARED_CHARS:].split()))
        if not end or not self._recent:
            return False
        self._recent = ["".join(self._recent)[-2 * _COMPARED_CHARS :]]
        return "".join(self._recent[0][-2 * len(end) - _WHITE_SPACE_CHARS :].split()).endswith(end)


def as_json(value: object) -> str:
    """Return a value as JSON that a person may read."""
    return json.dumps(value, ensure_ascii=False)
