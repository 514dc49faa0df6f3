"""Manifest of a pack: its format, what made it, and the size and SHA-256 of each member. No TensorFlow here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfgen.errors import RunError
from tfgen.reading import CONFIG_BYTES, RESULTS_BYTES, is_text, parse_json
from tfgen.training.saved_steps import WEIGHTS_FILE
from tfgen.version import DISTRIBUTION, VERSION

#: Version of the pack's format. It is raised when what a member means changes; a new key does not raise it.
PACK_FORMAT = 1
#: Name of the manifest in a pack, and of the model card.
MANIFEST, CARD = "manifest.json", "model_card.md"
#: Most bytes of each member; None for the weights, of which the disk is the bound.
MOST_BYTES: Mapping[str, int | None] = {
    "config.json": CONFIG_BYTES,
    WEIGHTS_FILE: None,
    CARD: 1_000_000,
    "results.json": RESULTS_BYTES,
    "metrics.jsonl": 2**30,
    **dict.fromkeys((f"scores_{split}.npz" for split in ("train", "valid", "test")), 2**27),
}
#: The members that every pack has.
REQUIRED = ("config.json", WEIGHTS_FILE, CARD)
_DIGEST = re.compile("[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,49}")
MOST_PLUGINS, _LONGEST_TEXT = 20, 1000


@dataclass(frozen=True)
class Member:
    """Member of a pack: its bytes when unpacked, and their SHA-256 in hexadecimal digits."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class PluginOrigin:
    """Plugin that a packed run needs: its name, and the distribution and version, or the file that it came from."""

    name: str
    distribution: str | None = None
    version: str | None = None
    file: str | None = None

    @property
    def advice(self) -> str:
        """What to do where the plugin is missing."""
        if self.distribution:
            version = f" {self.version}" if self.version else ""
            return f"install its distribution {self.distribution}{version}"
        return f"get its file {self.file or self.name}, and name it with -p FILE"


@dataclass(frozen=True)
class Manifest:
    """Manifest of a pack.

    Attributes:
        tfgen: version that wrote it.
        name: of the run.
        model: registered name of its model.
        step: of the training at which the weights were saved.
        plugins: that the run needs, that of its model first.
        members: by name.
    """

    tfgen: str
    name: str
    model: str
    step: int
    plugins: tuple[PluginOrigin, ...]
    members: Mapping[str, Member]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``manifest.json``; `manifest_from_json` reads it."""
        return {
            "format": PACK_FORMAT,
            "tfgen": self.tfgen,
            "name": self.name,
            "model": self.model,
            "step": self.step,
            "plugins": [vars(plugin) for plugin in self.plugins],
            "members": {name: vars(member) for name, member in self.members.items()},
        }


def manifest_from_json(content: bytes, pack: str) -> Manifest:
    """Read a manifest of unknown origin.

    Args:
        content: of ``manifest.json``.
        pack: the path of the pack, for messages.

    Raises:
        ValueError: when it is malformed; says what is.
        RunError: when its format is another one; says which tfgen reads it.
    """
    try:
        found = parse_json(content)
    except ValueError as error:
        raise ValueError(f"its {MANIFEST} is no JSON: {error}") from error
    if not isinstance(found, dict) or type(found.get("format")) is not int:
        raise ValueError(f"its {MANIFEST} has no format number")
    written_by = found.get("tfgen")
    if not (isinstance(written_by, str) and _VERSION.fullmatch(written_by)):
        raise ValueError(f"its {MANIFEST} does not say which tfgen wrote it")
    if found["format"] != PACK_FORMAT:
        raise RunError(
            f"{pack} is a pack of format {found['format']}, written by tfgen {written_by}, and this tfgen {VERSION} reads "
            f"format {PACK_FORMAT}; install a tfgen that reads it: pip install '{DISTRIBUTION}=={written_by}'"
        )
    if not (_is_name(found.get("name")) and _is_name(found.get("model"))):
        raise ValueError(f"its {MANIFEST} has no name of the run or of its model")
    step = found.get("step")
    if type(step) is not int or step < 0:
        raise ValueError(f"its {MANIFEST} has no step")
    plugins, members = _plugins(found.get("plugins")), _members(found.get("members"))
    return Manifest(written_by, found["name"], found["model"], step, plugins, members)


def _plugins(found: Any) -> tuple[PluginOrigin, ...]:
    """Return the plugins of a manifest, after their types were checked."""
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_PLUGINS:
        raise ValueError(f"its {MANIFEST} has no list of plugins")
    origins = []
    for entry in found:
        keys = ("distribution", "version", "file")
        sound = isinstance(entry, dict) and _is_name(entry.get("name"))
        if not sound or not all(entry.get(key) is None or _is_name(entry[key]) for key in keys):
            raise ValueError(f"a plugin in its {MANIFEST} is malformed")
        origins.append(PluginOrigin(entry["name"], *(entry.get(key) for key in keys)))
    return tuple(origins)


def _members(found: Any) -> dict[str, Member]:
    """Return the members of a manifest, after names, sizes and digests were checked."""
    if not isinstance(found, dict) or not found:
        raise ValueError(f"its {MANIFEST} names no members")
    members = {}
    for name, entry in found.items():
        if name not in MOST_BYTES:
            raise ValueError(f"{name[:80]!r} is no member of a pack")
        size, digest = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if type(size) is not int or size < 0 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"its {MANIFEST} has no size or digest of {name}")
        most = MOST_BYTES[name]
        if most is not None and size > most:
            raise ValueError(f"its {name} has {size:,} bytes, more than {most:,}")
        members[name] = Member(size, digest)
    if missing := [name for name in REQUIRED if name not in members]:
        raise ValueError(f"it lacks {missing[0]}")
    return members


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and is_text(value)
