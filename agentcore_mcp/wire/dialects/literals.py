"""Values parsed from the ``repr()`` of Python objects, or the ``str()`` of Pydantic's.

No code runs: the text is parsed, and anything but literals and calls of classes is refused. Used by
``reprs``, which knows whose objects they are.
"""

from __future__ import annotations

import ast
import re
from typing import Any

# Parsing takes up to 2 s for 1 MB, and the event loop waits for it.
MAX_CHARS = 32_768

_TOKENS = re.compile(
    r"""(?P<literal>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<opaque><(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>)"""  # <strands.Agent object at 0x7f…>, <Status.DONE: 'done'>
    r"""|(?P<member>[ ](?=\w+=))|(?P<bracket>[\[\](){}])""",
    re.DOTALL,
)
_PAIRS = re.compile(r"\w+=")


class Instance(dict[str, Any]):
    """The members of an object.

    Attributes:
        kind: The name of its class.
    """

    __slots__ = ("kind",)
    kind: str


class Parsed:
    """The value of a text.

    Attributes:
        value: Objects are ``Instance``, values that JSON can't hold are texts, and opaque ones (``<…>``) are None.
        is_foreign: Whether the text has anything that JSON can't hold.

    Raises:
        ValueError, SyntaxError, RecursionError, MemoryError: If the text is not that of an object.
    """

    def __init__(self, text: str) -> None:
        self.is_foreign = False
        if len(text) > MAX_CHARS or text.count("<") > text.count(">"):
            raise ValueError("too long, or cut")
        self._depth = 0
        pairs = _PAIRS.match(text)
        source = _TOKENS.sub(self._plain, text)
        self.value = self._value(ast.parse(f"_({source})" if pairs else source, mode="eval").body)

    def _plain(self, token: re.Match[str]) -> str:
        """Return a token in Python's syntax: Pydantic writes no commas between members at the top."""
        if token["opaque"]:
            self.is_foreign = True
            return "None"
        if token["bracket"]:
            self._depth += 1 if token["bracket"] in "([{" else -1
        return ", " if token["member"] and not self._depth else token[0]

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() | int() | float() | None as value):
                return value
            case ast.Dict(keys=keys, values=values):
                return {self._value(key) if key else None: self._value(value) for key, value in zip(keys, values)}  # noqa: B905
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                self.is_foreign = self.is_foreign or isinstance(node, ast.Set)
                return [self._value(item) for item in items]
            case ast.Call(args=[], keywords=[_, *_] as members):
                self.is_foreign = True
                instance = Instance({str(member.arg): self._value(member.value) for member in members})
                instance.kind = ast.unparse(node.func).rpartition(".")[2]
                if instance.kind.endswith(("Message", "MessageChunk")):  # which have their type in their name
                    instance.setdefault("type", instance.kind)
                return instance
            case ast.Call(args=[ast.Constant(value=str() | int() | float() as value)], keywords=[]):  # Decimal('1.5')
                self.is_foreign = True
                return value
            case ast.Call(args=[ast.List() | ast.Dict() as inner], keywords=[]):  # OrderedDict({…}), deque([…])
                self.is_foreign = True
                return self._value(inner)
            case ast.Constant(value=value) if value is ...:
                raise ValueError("cut")
            case ast.Constant() | ast.Call() | ast.UnaryOp() | ast.Attribute() | ast.Name() | ast.BinOp():
                self.is_foreign = True
                return ast.unparse(node)
        raise ValueError(f"{type(node).__name__} is not a literal")
