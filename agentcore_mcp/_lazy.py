"""Public names that are imported on first use (PEP 562), so that importing a package costs nothing heavy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(
    package: str, names_of: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__``.

    Args:
        package: The package's name.
        names_of: Module → the public names in it, separated by spaces.
    """
    home = {name: module for module, names in names_of.items() for name in names.split()}
    every = sorted(home)

    def __getattr__(name: str) -> Any:  # noqa: N807 - the package's own name for it
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name]), name)

    return __getattr__, lambda: every, every
