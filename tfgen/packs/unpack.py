"""Unpacking of a pack into an empty folder: every member is counted, compared with its digest, and written once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfgen.errors import OutputError, RunError
from tfgen.packs.manifest import MANIFEST, Manifest, Member, manifest_from_json
from tfgen.packs.members import CHUNK, DAMAGE, Members, damaged, opened_pack
from tfgen.progress import Bar
from tfgen.reading import CONFIG_BYTES

_MEGABYTE = 10**6
#: Packs of more megabytes show their progress.
_LARGE = 100


def pack_in(path: Path) -> Path | None:
    """Return the pack that a path leads to: a file, a folder with a manifest, or the one ``.tfgen`` file in a folder.

    A folder with ``config.json`` and no manifest is the folder of a run, for which this is None, as for a folder of others.
    """
    if not os.path.isdir(path):
        return path if os.path.isfile(path) else None
    if os.path.lexists(path / MANIFEST):
        return path
    packs = [] if os.path.lexists(path / "config.json") else sorted(path.glob("*.tfgen"))
    return packs[0] if len(packs) == 1 else None


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a pack.

    Raises:
        RunError: when the file is no sound pack, or one of another format; says what to do.
    """
    with opened_pack(path) as members:
        return _manifest(members, path)


def unpack(path: Path, folder: Path, quiet: bool = True) -> Manifest:
    """Unpack a pack into an empty folder, and return its manifest.

    Args:
        path: of the pack.
        folder: empty; what is in it after an error is to be removed.
        quiet: show no progress.

    Raises:
        RunError: when the file is no sound pack, or one of another format; says what to do.
        OutputError: when the folder cannot be written, or the disk has too little space.
    """
    with opened_pack(path) as members:
        manifest = _manifest(members, path)
        total = sum(member.bytes for member in manifest.members.values())
        _require_space(folder, total)
        megabytes = total // _MEGABYTE
        done = 0
        with Bar(f"unpacking {path.name}", megabytes, "MB", quiet=quiet or megabytes < _LARGE) as bar:
            for name, member in manifest.members.items():
                for size in _write_member(members, name, member, folder, path):
                    done += size
                    if done // _MEGABYTE > bar.done:
                        bar.update(done // _MEGABYTE)
    return manifest


def _manifest(members: Members, path: Path) -> Manifest:
    """Return the manifest, after the members and their sizes were compared with those that are there."""
    try:
        if MANIFEST not in members.sizes:
            raise ValueError(f"it has no {MANIFEST}")
        manifest = manifest_from_json(members.read(MANIFEST, CONFIG_BYTES), str(path))
        members.check()
        there = {name: size for name, size in members.sizes.items() if name != MANIFEST}
        declared = {name: member.bytes for name, member in manifest.members.items()}
        if missing := [name for name in declared if name not in there]:
            raise ValueError(f"it lacks {missing[0]}")
        if foreign := [name for name in there if name not in declared]:
            raise ValueError(f"its {MANIFEST} does not name its {foreign[0]}")
        if other := [name for name in declared if declared[name] != there[name]]:
            raise ValueError(f"its {other[0]} has {there[other[0]]:,} bytes, and should have {declared[other[0]]:,}")
    except DAMAGE as error:
        raise damaged(path, error) from error
    return manifest


def _require_space(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if total > free:
        raise OutputError(
            f"the pack takes {total / 1e9:.2f} GB, and {folder.parent} has {free / 1e9:.2f} GB left; free some space."
        )


def _write_member(members: Members, name: str, member: Member, folder: Path, path: Path) -> Iterator[int]:
    """Write a member into a folder, and yield the sizes of its parts as they are written."""
    digest, read = hashlib.sha256(), 0
    try:
        with (folder / name).open("xb") as out:
            for part in _parts(members, name, path):
                read += len(part)
                if read > member.bytes:
                    raise damaged(path, f"its {name} has more than the {member.bytes:,} bytes that it declares")
                digest.update(part)
                out.write(part)
                yield len(part)
    except OSError as error:  # of writing alone: `_parts` tells its own otherwise
        raise OutputError(
            f"cannot write {name} of {path.name} into {folder.parent}: {error.strerror or error}; free some space or "
            "choose another place."
        ) from error
    if read != member.bytes:
        raise damaged(path, f"its {name} has {read:,} bytes, and should have {member.bytes:,}")
    if digest.hexdigest() != member.sha256:
        raise damaged(path, f"the SHA-256 of its {name} is not the one in its {MANIFEST}")


def _parts(members: Members, name: str, path: Path) -> Iterator[bytes]:
    """Yield the bytes of a member in parts."""
    try:
        with members.open(name) as file:
            while part := file.read(CHUNK // 4):
                yield part
    except RunError:
        raise
    except DAMAGE as error:
        raise damaged(path, error) from error
