"""Pack a run into one portable file, ``run.tfgen``: options, weights, results and a model card, without a pickle."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tfgen.errors import OutputError, RunError
from tfgen.export.card import card_with, without_folder
from tfgen.files import finite
from tfgen.packs.manifest import CARD, MOST_BYTES, MOST_PLUGINS, Manifest, PluginOrigin
from tfgen.packs.members import CHUNK
from tfgen.packs.write import Content, write_pack
from tfgen.packs.write import Pack as Pack
from tfgen.plugin.option_types import to_json
from tfgen.reading import open_regular
from tfgen.runs.api import load
from tfgen.runs.run import Run
from tfgen.runtime import device_scope
from tfgen.training.saved_steps import WEIGHTS_FILE
from tfgen.training.weights_file import WeightsFile, WeightsWriter
from tfgen.version import VERSION

#: Members that are files of the run as they are.
_COPIED = tuple(name for name in MOST_BYTES if name not in ("config.json", WEIGHTS_FILE, CARD))


def pack(
    run: Run | str | Path,
    path: str | Path,
    *,
    licence: str | None = None,
    overwrite: bool = False,
    quiet: bool = True,
) -> Pack:
    """Pack a run into one file that `tfgen.load` and `tfgen import` read on another machine.

    The weights are those that the run samples with (the best, the moving average or the last); the state of the training
    stays behind. The same run gives the same bytes. Full paths of this machine are left out.

    Args:
        run: with a checkpoint, or its folder.
        path: of the file to write, ``mymodel.tfgen`` for example.
        licence: of the weights, for the model card.
        overwrite: replace a file that is there.
        quiet: show no progress.

    Raises:
        OutputError: when the file is there already or cannot be written; nothing half-written stays.
        RunError: when the run is none, is damaged or has no checkpoint.
    """
    run, path = run if isinstance(run, Run) else load(run), Path(path)
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} is there already; name a file that is not, or allow to overwrite it.")
    run.check()
    step = _saved_step(run)
    with contextlib.ExitStack() as files, device_scope(run.config.device):
        writer = WeightsWriter(run.model, step)
        card = _card(run, licence)
        contents = {
            "config.json": _text(json.dumps(_portable_config(run), indent=2, allow_nan=False) + "\n"),
            WEIGHTS_FILE: Content(writer.pieces(), writer.bytes, packed=False),
            CARD: _text(card),
            **_copies(run.folder, files),
        }
        for name, content in contents.items():
            most = MOST_BYTES[name]
            if most is not None and content.bytes > most:
                raise RunError(f"{run.folder / name} has {content.bytes:,} bytes, and a pack takes {most:,} at most.")
        manifest = Manifest(VERSION, run.name, run.config.model, step, _plugins(run), {})
        return Pack(path, write_pack(path, manifest, contents, quiet), len(writer.names), card)


def _saved_step(run: Run) -> int:
    if run.files.has_weights_alone:
        return WeightsFile(run.folder).saved.step
    step = run.files.saved_step()
    if step is None:
        raise RunError(f"{run.folder} has no checkpoint, so there are no weights to pack; train it first.")
    return step


def _portable_config(run: Run) -> dict[str, Any]:
    """Return the content of ``config.json`` without what is this machine's: data folders, and the folders of files."""
    config = {"data_spec": run.data_spec.to_json(), **run.provenance, "sources": {}, "device": "auto"}
    config["data"] = without_folder(config["data"])
    if isinstance(config.get("init"), str):
        config["init"] = without_folder(config["init"])
    if isinstance(config.get("initial_weights"), Mapping):
        taken = config["initial_weights"]
        config["initial_weights"] = {**taken, "run": without_folder(str(taken.get("run", "")))}
    if isinstance(config.get("plugin"), Mapping):
        config["plugin"] = _without_folders(config["plugin"])
    if isinstance(config.get("other_plugins"), list):
        others = [plugin for plugin in config["other_plugins"] if isinstance(plugin, Mapping)]
        config["other_plugins"] = [_without_folders(plugin) for plugin in others]
    portable: dict[str, Any] = finite(to_json(config))
    return portable


def _without_folders(plugin: Mapping[str, Any]) -> dict[str, Any]:
    file = plugin.get("file")
    return {**plugin, "file": without_folder(file) if isinstance(file, str) else None}


def _plugins(run: Run) -> tuple[PluginOrigin, ...]:
    """Return the plugins that a run needs: that of its model as it is installed here, then others that it had by ``-p``."""
    origin = run.registry.model_origin(run.config.model)
    own = {key: getattr(origin, key) for key in ("name", "distribution", "version", "file")}
    recorded = run.provenance.get("other_plugins")
    others = [plugin for plugin in recorded if isinstance(plugin, dict)] if isinstance(recorded, list) else []
    if len(others) >= MOST_PLUGINS:
        raise RunError(
            f"{run.folder} was made with {len(others) + 1} plugins, and a pack names {MOST_PLUGINS} at most."
        )
    return tuple(_origin(_without_folders(plugin)) for plugin in (own, *others))


def _origin(plugin: Mapping[str, Any]) -> PluginOrigin:
    """Return the origin of a plugin that a file of unknown origin may describe: what is no text is left out."""
    parts = (plugin.get(key) for key in ("distribution", "version", "file"))
    return PluginOrigin(str(plugin.get("name")), *(part if isinstance(part, str) and part else None for part in parts))


def _card(run: Run, licence: str | None) -> str:
    call = (
        "## How to use it\n\n```sh\n"
        "tfgen import FILE.tfgen          # a run folder; then tfgen sample, evaluate, score, export ...\n"
        "```\n\n```python\nimport tfgen\n\n"
        'run = tfgen.load("FILE.tfgen")  # unpacked for as long as the program runs\n'
        "print(run.model)\n```\n\n"
        "The file is a zip file without pickles. `weights.safetensors` is read by the library safetensors, too."
    )
    return card_with(run, run.registry.model(run.config.model), licence, [call])


def _text(text: str) -> Content:
    content = text.encode()
    return Content([content], len(content))


def _copies(folder: Path, files: contextlib.ExitStack) -> dict[str, Content]:
    """Return the files of a run that a pack has as they are, in pieces.

    They are open until the pack is written: a file that another process replaces meanwhile is packed as it was.
    """
    found = {}
    for name in _COPIED:
        path = folder / name
        if os.path.lexists(path):
            try:
                file = files.enter_context(open_regular(path, MOST_BYTES[name], within=folder))
                size = os.fstat(file.fileno()).st_size
            except (OSError, ValueError) as error:
                raise RunError(
                    f"cannot pack {path}: {error}; put a regular file in its place, or delete it."
                ) from error
            found[name] = Content(_pieces(file, size), size)
    return found


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the first bytes of a file: one that is written at the same time may have more by now."""
    while size > 0 and (piece := file.read(min(CHUNK, size))):
        size -= len(piece)
        yield piece
