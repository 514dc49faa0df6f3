"""Commands on a run as they are typed into a shell: quoted, with the ``-p`` that the run needs. No TensorFlow here."""

from __future__ import annotations

from pathlib import Path

from tfgen.errors import RunError
from tfgen.printed import command_text
from tfgen.reading import read_json
from tfgen.runs.config import run_plugin_words


def run_command(folder: Path, name: str, *words: object) -> str:
    """Return a command on the run in a folder as it is typed into a shell: quoted, with the ``-p`` that the run needs.

    Args:
        folder: of the run; of a damaged one the ``-p`` is left out.
        name: of the command, ``resume`` for example.
        words: behind the folder.
    """
    try:
        plugins = run_plugin_words(read_json(folder / "config.json", "", within=folder))
    except RunError:  # about which something else is to be said
        plugins = []
    place = str(folder)
    return command_text(*plugins, name, f"./{place}" if place.startswith("-") else place, *words)
