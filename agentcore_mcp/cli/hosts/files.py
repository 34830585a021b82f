"""The files in which hosts keep their servers: reading, editing and restoring them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentcore_mcp.cli.hosts.jsonc import JsonText
from agentcore_mcp.config.installation import state_folder
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def document(path: Path, text: str | None = None) -> JsonText | TomlText:
    """Parse a file for reading and editing; a missing file counts as empty.

    Args:
        path: The file; its suffix decides between TOML and JSON.
        text: Its content, if it should not be read from disk.

    Raises:
        ConfigurationError: If the file can't be read.
    """
    text = _text(path) if text is None else text
    try:
        return TomlText(text) if path.suffix == ".toml" else JsonText(text)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}; mend it first, nothing was changed") from None


def with_entry(path: Path, keys: Sequence[str], entry: dict[str, Any]) -> str:
    """Return the text of a file with an entry at a path of keys, and the rest unchanged.

    Raises:
        ConfigurationError: If the file can't be read, or a key on the path is not a table or object.
    """
    try:
        return document(path).put(keys, entry)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def write(path: Path, text: str) -> None:
    """Write a file atomically, keeping its permissions; a symbolic link is followed.

    Raises:
        ConfigurationError: If it can't be written.
    """
    real = Path(os.path.realpath(path))
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
        with tempfile.NamedTemporaryFile(dir=real.parent, delete=False) as file:
            file.write(text.encode())
        Path(file.name).chmod(mode)
        Path(file.name).replace(real)
    except OSError as error:
        raise ConfigurationError(f"can't write {path}: {error.strerror}") from error


class Installed:
    """An entry installed in a file, and a copy of the original file; recorded in the user's state folder.

    Args:
        path: The file.
        keys: The entry's path; the last key is the server's name.
        environ: The environment, which determines that folder.

    Attributes:
        copy: The path of the original's copy, beside the file.
    """

    def __init__(self, path: Path, keys: Sequence[str], environ: Mapping[str, str]) -> None:
        self._path, self._keys, self._key = path, keys, f"{path}#{keys[-1]}"
        self._state = state_folder(environ) / "installed.json"
        self._all: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError, ValueError):
            self._all = json.loads(self._state.read_text("utf-8"))
        self.copy = path.with_name(f"{path.name}.before-{keys[-1]}-mcp")
        # Whether the file is unchanged since the installation.
        self._as_left = self._all.get(self._key, {}).get("sha256") == _digest(path)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep a copy of the file from before the block, without an earlier entry, and record its hash after it."""
        made = bool(self._all.get(self._key, {}).get("made"))
        if not self._as_left:
            self.copy.unlink(missing_ok=True)
            if not (made := not self._path.exists()):
                write(self.copy, document(self._path).remove(self._keys))
        yield
        self._all[self._key] = {"sha256": _digest(self._path), "made": made}
        write(self._state, json.dumps(self._all, indent=2))

    def put_back(self) -> bool:
        """Restore the original file, if nothing else has changed it since; return whether it was restored."""
        known = self._all.pop(self._key, {})
        write(self._state, json.dumps(self._all, indent=2))
        if not self._as_left or not (known.get("made") or self.copy.exists()):
            return False
        if known.get("made"):
            self._path.unlink()
        else:
            write(self._path, _text(self.copy))
            self.copy.unlink()
        return True


class TomlText:
    """A TOML document, edited as ``JsonText`` is.

    Raises:
        ValueError: If the text is not TOML.
    """

    def __init__(self, text: str) -> None:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        self._dumps, self._new_table = tomlkit.dumps, partial(tomlkit.table, is_super_table=True)
        try:
            self._document: Any = tomlkit.parse(text)
        except TOMLKitError as error:
            raise ValueError(str(error)) from error

    def get(self, path: Sequence[str]) -> Any:
        """Return the value at a path of keys, None if there is none."""
        value = self._document.unwrap()
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def put(self, path: Sequence[str], value: Any) -> str:
        """Return the text with a value at a path.

        Raises:
            ValueError: If a key on the path is not a table.
        """
        table = self._document
        for key in path[:-1]:
            table = table.setdefault(key, self._new_table())
            if not isinstance(table, dict):
                raise ValueError(f"{key} is not a table")  # noqa: TRY004 - about a text, not about a type
        table[path[-1]] = value
        return self._dumps(self._document)

    def remove(self, path: Sequence[str]) -> str:
        """Return the text without the value at a path."""
        if self.get(path) is not None:
            table = self._document
            for key in path[:-1]:
                table = table[key]
            del table[path[-1]]
        return self._dumps(self._document)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"can't read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
        ) from error
