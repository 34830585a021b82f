"""The files in which hosts keep their servers: reading, editing and putting back as they were."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentcore_mcp.cli.hosts.jsonc import JsonText
from agentcore_mcp.config.installation import state_folder
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Beside the file that it is a copy of.
BACKUP = ".before-agentcore-mcp"


def entry_at(path: Path, keys: Sequence[str]) -> Any:
    """Return what a file has at a path of keys; None if nothing, or if there is no file.

    Raises:
        ConfigurationError: If the file can't be read.
    """
    text = _text(path)
    if path.suffix != ".toml":
        return _json(path, text).get(keys)
    value: Any = _toml(path, text).unwrap()
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def with_entry(path: Path, keys: Sequence[str], entry: dict[str, Any]) -> str:
    """Return the text of a file with an entry at a path of keys; what else it has stays as it is.

    Raises:
        ConfigurationError: If the file can't be read, or has something else on the way.
    """
    text = _text(path)
    if path.suffix != ".toml":
        try:
            return _json(path, text).put(keys, entry)
        except ValueError as error:
            raise ConfigurationError(f"{path}: {error}") from None
    import tomlkit

    document = _toml(path, text)
    table: Any = document
    for key in keys[:-1]:
        if key not in table:
            table[key] = tomlkit.table(is_super_table=True)
        table = table[key]
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: {key} is not a table")
    table[keys[-1]] = entry
    return tomlkit.dumps(document)


def without_entry(path: Path, keys: Sequence[str]) -> str:
    """Return the text of a file without what stands at a path of keys.

    Raises:
        ConfigurationError: If the file can't be read.
    """
    text = _text(path)
    if path.suffix != ".toml":
        return _json(path, text).remove(keys)
    import tomlkit

    document = _toml(path, text)
    table: Any = document
    for key in keys[:-1]:
        table = table.get(key, {})
    table.pop(keys[-1], None)
    return tomlkit.dumps(document)


def write(path: Path, text: str) -> None:
    """Write a file in one go, with the permissions that it has; through a link to where it leads.

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
    """What was installed where, and the files as they were before: kept in the user's state folder.

    Args:
        environ: Says where that is.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = state_folder(environ) / "installed.json"
        self._known: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError):
            self._known = json.loads(self._path.read_text("utf-8"))

    def before(self, path: Path, name: str) -> None:
        """Keep a copy of a file that is about to be changed, unless it is there from an earlier time."""
        if self._key(path, name) not in self._known and path.exists():
            backup = path.with_name(path.name + BACKUP)
            backup.write_bytes(path.read_bytes())
            backup.chmod(path.stat().st_mode & 0o777)

    def after(self, path: Path, name: str, *, first: bool) -> None:
        """Note how a file looks now, and whether it had no servers before."""
        self._known[self._key(path, name)] = {"sha256": _digest(path), "first": first}
        self._save()

    def is_first(self, path: Path, name: str) -> bool:
        """Tell whether a file had no servers before ours."""
        return bool(self._known.get(self._key(path, name), {}).get("first"))

    def put_back(self, path: Path, name: str) -> bool:
        """Put a file back as it was, if nothing else has changed it since; tell whether that was done."""
        known = self._known.pop(self._key(path, name), None)
        self._save()
        backup = path.with_name(path.name + BACKUP)
        if known is None or known["sha256"] != _digest(path):
            return False
        if backup.exists():
            Path(os.path.realpath(path)).write_bytes(backup.read_bytes())
            backup.unlink()
        else:
            path.unlink()
        return True

    def _key(self, path: Path, name: str) -> str:
        return f"{path}#{name}"

    def _save(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._known, indent=2), "utf-8")


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


def _json(path: Path, text: str) -> JsonText:
    try:
        return JsonText(text)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}; mend it first, nothing was changed") from None


def _toml(path: Path, text: str) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigurationError(f"{path}: {error}; mend it first, nothing was changed") from None
