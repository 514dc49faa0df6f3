"""Import a run from a pack, a file or one of the Hugging Face Hub, into a run folder that every command takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen.cli.parsing import by_default, parse
from tfgen.cli.tables import bytes_text
from tfgen.errors import OptionError
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.plugin.registry import Registry


@dataclass(frozen=True)
class Options:
    """Pack to import, and where to."""

    pack: Annotated[tyro.conf.Positional[Path | None], by_default("that of --pull")] = None
    """File that `tfgen pack` wrote, the folder that it was unpacked into, or a folder with one .tfgen file."""
    pull: Annotated[str | None, by_default("nothing is downloaded")] = None
    """Repository of the Hugging Face Hub, OWNER/NAME, to download the pack from; needs the extra hub."""
    revision: Annotated[str | None, by_default("the newest")] = None
    """With --pull: a branch, a tag or a commit of the repository."""
    runs_dir: Path = Path("runs")
    """Folder in which the run's own folder is made."""
    name: Annotated[str | None, by_default("that of the packed run, numbered when taken")] = None
    """Name of the run."""
    data_dir: Annotated[str | None, by_default("the usual one")] = None
    """Folder of prepared data on this machine, for commands that need the data set: a pack has none."""
    manual_dir: Annotated[str | None, by_default("data are downloaded")] = None
    """Folder of data files on this machine, as of `tfgen run`."""

    def __post_init__(self) -> None:
        if (self.pack is None) == (self.pull is None):
            raise OptionError("name either a pack or, with --pull, a repository.")
        if self.revision is not None and self.pull is None:
            raise OptionError("--revision is for --pull; name a repository, or leave it out.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Check the pack, make the folder of the run, and print where it is and how to go on."""
    options = parse(Options, arguments, "import", __doc__ or "")
    if options.pack is not None:
        _import(options.pack, options, context.registry(), context)
        return
    from tfgen.files import temporary_folder
    from tfgen.packs.hub import pull, require_hub

    require_hub("--pull", str(options.pull))
    registry = context.registry()
    with temporary_folder("pull") as folder:
        pack = pull(str(options.pull), folder, options.revision)
        say(f"pulled    {options.pull} ({bytes_text(pack.stat().st_size)})")
        _import(pack, options, registry, context)


def _import(pack: Path, options: Options, registry: Registry, context: CommandContext) -> None:
    from tfgen.plugin.specs import DataSources
    from tfgen.runs.importing import checked_pack, import_run, version_notes
    from tfgen.runs.places import check_name
    from tfgen.runs.removal import folder_bytes

    _, manifest = checked_pack(pack, registry)  # mistakes are told before TensorFlow loads
    say(*(f"note: {text}" for text in version_notes(manifest, registry)), error=True)
    if options.name is not None:
        check_name(options.runs_dir, options.name)
    context.tensorflow()
    from tfgen.model.capabilities import Samples

    sources = DataSources(options.data_dir, options.manual_dir)
    run = import_run(pack, registry, options.runs_dir, options.name, sources, quiet=False)
    say(f"checked   size and SHA-256 of each member; the weights fit model {run.config.model}")
    say(f"written   {run.folder} ({bytes_text(folder_bytes(run.folder))})")
    say(
        f"next      {run.files.command(*(('sample', '--count', 100) if isinstance(run.model, Samples) else ('info',)))}"
    )
