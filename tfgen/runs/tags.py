"""Tags of runs: words that users give to run folders, in a small file of its own, ``tags.json``. No TensorFlow here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfgen.errors import OptionError, RunError
from tfgen.files import write_json
from tfgen.reading import read_json
from tfgen.runs.folder import RunFolder

#: Version of ``tags.json``.
FORMAT = 1
#: Most tags of a run, and most characters of one: they stand in a cell of a table.
MOST_TAGS, LONGEST_TAG = 20, 40
_FILE = "tags.json"
_PATIENCE = 10.0  # seconds; the file is written in milliseconds
_TAG = re.compile(rf"[^\W_][\w.+-]{{0,{LONGEST_TAG - 1}}}")
_WHAT_TO_DO = "delete it, and tag the run again"


def check_tags(tags: Iterable[str]) -> None:
    """Check that words can be tags: letters, digits, ``.``, ``_``, ``+`` and ``-``, a letter or digit first.

    Raises:
        OptionError: names the word.
    """
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise OptionError(
                f"{tag[: 2 * LONGEST_TAG]!r} is no tag: up to {LONGEST_TAG} letters, digits, '.', '_', '+' and '-', "
                "a letter or digit first."
            )


def read_tags(files: RunFolder) -> tuple[str, ...]:
    """Return the tags of a run, sorted; none where it has no file of tags.

    Raises:
        RunError: when ``tags.json`` is damaged or from a newer tfgen.
    """
    path = files.path / _FILE
    if not path.exists():
        return ()
    content = read_json(path, _WHAT_TO_DO, within=files.path)
    if content.get("format") != FORMAT:
        raise RunError(
            f"{path} has format {content.get('format')!r}, this tfgen reads {FORMAT}; use the tfgen that made it."
        )
    tags = content.get("tags")
    if not (isinstance(tags, list) and len(tags) <= MOST_TAGS):
        raise RunError(f"{path} is damaged (its 'tags' are no list of up to {MOST_TAGS}); {_WHAT_TO_DO}.")
    if not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags):
        raise RunError(f"{path} is damaged (one of its 'tags' is no tag); {_WHAT_TO_DO}.")
    return tuple(sorted({*tags}))


def change_tags(files: RunFolder, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Add tags to a run, take others away, and return those that it has then, sorted; also while the run is trained.

    Raises:
        OptionError: for a word that is no tag, or more than `MOST_TAGS` tags.
        RunError: when ``tags.json`` is damaged.
        OutputError: when the folder cannot be written.
    """
    add, remove = [*add], [*remove]
    check_tags([*add, *remove])
    with files.locked(_PATIENCE, "is being tagged by another process; try again", ".tags.lock"):
        before = read_tags(files)
        tags = tuple(sorted(({*before} | {*add}) - {*remove}))
        if len(tags) > MOST_TAGS:
            raise OptionError(f"{files.path} would have {len(tags)} tags; a run has at most {MOST_TAGS}.")
        if tags != before:
            files.require_place()
            write_json(files.path / _FILE, {"format": FORMAT, "tags": list(tags)})
    return tags
