"""Writing of a pack: a zip file whose members are hashed while they are written, the manifest last. No TensorFlow here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfgen.files import written_whole
from tfgen.packs.manifest import MANIFEST, Manifest, Member
from tfgen.progress import Bar

_MEGABYTE = 10**6
_LARGE = 100  # megabytes, from which on progress is shown
#: Every member has this time, so that the same run gives the same file.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16  # a regular file, readable by all


@dataclass(frozen=True)
class Content:
    """Content of a member: its bytes piece by piece, and how many they are.

    Attributes:
        pieces: of the bytes; gone through once.
        bytes: in all.
        packed: whether they are deflated; weights hardly shrink, and are stored as they are.
    """

    pieces: Iterable[bytes | memoryview]
    bytes: int
    packed: bool = True


@dataclass(frozen=True)
class Pack:
    """Packed run.

    Attributes:
        path: of the file.
        manifest: as it is written in it: the model, the plugins that it needs, the members with sizes and digests.
        weights: how many there are.
        card: the model card, as Markdown.
    """

    path: Path
    manifest: Manifest
    weights: int
    card: str


def write_pack(path: Path, manifest: Manifest, contents: Mapping[str, Content], quiet: bool = True) -> Manifest:
    """Write a pack, complete or not at all, and return its manifest with the members that were written.

    Args:
        path: of the file; one that is there is replaced.
        manifest: without members.
        contents: of the members by name.
        quiet: show no progress.

    Raises:
        OutputError: when it cannot be written; nothing half-written stays.
    """
    megabytes = sum(content.bytes for content in contents.values()) // _MEGABYTE
    bar = Bar(f"packing {path.name}", megabytes, "MB", quiet=quiet or megabytes < _LARGE)
    with bar, written_whole(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        members: dict[str, Member] = {}
        for name, content in contents.items():
            done = sum(member.bytes for member in members.values())
            members[name] = _write_member(archive, name, content, bar, done)
        manifest = dataclasses.replace(manifest, members=members)
        text = json.dumps(manifest.to_json(), indent=2, allow_nan=False).encode()
        _write_member(archive, MANIFEST, Content([text], len(text)), bar, bar.done * _MEGABYTE)
    return manifest


def _write_member(archive: zipfile.ZipFile, name: str, content: Content, bar: Bar, done: int) -> Member:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr, info.file_size = _MODE, content.bytes  # by the size zipfile chooses 64-bit numbers
    info.compress_type = zipfile.ZIP_DEFLATED if content.packed else zipfile.ZIP_STORED
    digest, written = hashlib.sha256(), 0
    with archive.open(info, "w") as file:
        for piece in content.pieces:
            file.write(piece)
            digest.update(piece)
            written += len(piece)
            if (megabytes := (done + written) // _MEGABYTE) > bar.done:
                bar.update(megabytes)
    return Member(written, digest.hexdigest())
