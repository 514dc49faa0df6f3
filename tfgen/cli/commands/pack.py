"""Pack a run into one portable file: options, weights without pickle, results, model card; --push uploads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import by_default, parse
from tfgen.cli.tables import bytes_text, counted
from tfgen.errors import OptionError
from tfgen.printed import command_text, say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.runs.run import Run


@dataclass(frozen=True)
class Options:
    """Run to pack, and where to."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Annotated[Path | None, by_default("NAME.tfgen here; with --push no file is kept")] = None
    """File to write."""
    licence: Annotated[str | None, by_default("the card says that it is not given")] = None
    """Licence of the weights for the model card, for example CC-BY-4.0."""
    push: Annotated[str | None, by_default("nothing is uploaded")] = None
    """Repository of the Hugging Face Hub, OWNER/NAME, to upload the pack and its card to; needs the extra hub and a token."""
    private: bool = False
    """With --push: make the repository a private one."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        if self.private and self.push is None:
            raise OptionError("--private is for --push; name a repository, or leave it out.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Write the file, upload it if asked to, and print what it holds and how it is used."""
    options = parse(Options, arguments, "pack", __doc__ or "")
    from tfgen.runs.folder import RunFolder

    files = RunFolder.open(options.run)
    out = None
    if options.out is not None or options.push is None:
        out = output_file(options.out, Path(f"{files.name}.tfgen"), options.overwrite)
    if options.push is not None:
        from tfgen.packs.hub import require_hub

        require_hub("--push", options.push)
    run = context.run(options.run)
    if out is not None:
        _pack(run, out, options)
        return
    from tfgen.files import temporary_folder

    with temporary_folder("push") as folder:
        _pack(run, folder / f"{files.name}.tfgen", options)


def _pack(run: Run, path: Path, options: Options) -> None:
    from tfgen.export.packing import pack

    packed = pack(run, path, licence=options.licence, overwrite=options.overwrite, quiet=False)
    manifest, size = packed.manifest, bytes_text(path.stat().st_size)
    weights = f"{counted(packed.weights, 'weight')} of model {manifest.model} at step {manifest.step}"
    say(f"holds     {weights}; {', '.join(manifest.members)}")
    if options.out is not None or options.push is None:
        say(f"written   {path} ({size})")
    if options.push is None:
        say(f"next      {command_text('import', path)}")
        return
    from tfgen.packs.hub import push

    address = push(packed, options.push, run.data_spec, options.licence, options.private)
    say(f"pushed    {address} ({size})")
    say(f"next      {command_text('import', '--pull', options.push)}")
