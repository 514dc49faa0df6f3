"""Options of `tfgen bench`: models, parts, batch sizes, rounds, device, precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro

from tfgen.cli.parsing import by_default, parse
from tfgen.errors import OptionError, require_option
from tfgen.plugin.option_types import to_json
from tfgen.plugin.registry import Registry
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.config import Device
from tfgen_benchmarks.rows import Part

ComputePrecision = Literal["float32", "tf32", "bfloat16"]
Way = Literal["graph", "xla"]


@dataclass(frozen=True)
class Options:
    """Options of `tfgen bench`."""

    models: tyro.conf.Positional[Annotated[tuple[str, ...], by_default("all models", metavar="MODEL ...")]] = ()
    """Registered models; options of a model go behind a colon: realnvp:units=1024,mask=half."""
    runs: Annotated[tuple[Path, ...], by_default("none")] = ()
    """Folders of trained runs, measured as well."""
    parts: tuple[Part, ...] = ("sampling", "training", "growth")
    """sampling: images a second at each batch size. training: at --train-batch, in each compile mode. growth: how cost grows
    with side, layers and width. directions: encoding and decoding of models with codes."""
    batch_sizes: tuple[int, ...] = (1, 4, 16, 64, 256, 1024)
    """Images drawn at a time."""
    train_batch: int = 128
    """Images in a step of training."""
    chunk_steps: int = 20
    """Steps of training in one timed call."""
    growth_batch: int = 64
    """Images drawn at a time in growth."""
    ways: tuple[Way, ...] = ("graph", "xla")
    """How sampling is compiled: as a TensorFlow graph, which is what tfgen sample does, or by XLA."""
    modes: tuple[CompileMode, ...] = get_args(CompileMode)
    """How training is compiled: --compile of tfgen run."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    precision: ComputePrecision = "float32"
    """Arithmetic of products: full float32; float32 with tensor cores' rounding of factors (GPU); or networks in bfloat16."""
    rounds: int = 5
    """Rounds that count; in each every program is timed once, in turns."""
    seconds: float = 0.3
    """About how long a program is timed in a round."""
    limit: float = 30.0
    """Seconds that one call may take; what takes longer is left out, and larger batches of it are not tried."""
    patience: float = 600.0
    """Seconds to wait for a program's first call, compiling included, before its process is ended."""
    seed: int = 0
    """Seed of weights and samples."""
    quick: bool = False
    """A short suite, about four minutes on two cores: sampling at 1, 64 and 512 and training as a graph, three rounds."""
    out: Path | None = None
    """Folder for results.json, results.md and the pictures; by default bench, or the next free bench-2, bench-3, ..."""
    overwrite: bool = False
    """Replace earlier results in the folder of --out."""

    def __post_init__(self) -> None:
        for name in ("train_batch", "chunk_steps", "growth_batch", "rounds"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("seconds", "limit", "patience"):
            require_option(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        require_option(self.side >= 2, "side", self.side, "at least 2")
        require_option(0 <= self.seed < 2**31, "seed", self.seed, "0 or more, below 2^31")
        sizes = self.batch_sizes
        shown = " ".join(map(str, sizes)) or "none"
        rule = "different numbers of at least 1"
        require_option(0 < len(set(sizes)) == len(sizes) and min(sizes) >= 1, "batch_sizes", shown, rule)
        for name in ("parts", "ways", "modes"):
            given = getattr(self, name)
            require_option(0 < len(set(given)) == len(given), name, " ".join(given) or "none", "different names")
        if self.out is not None and (self.out.is_file() or self.out.suffix in (".json", ".png", ".md")):
            raise OptionError(f"--out {self.out}: the results are several files; name a folder.")

    @classmethod
    def short(cls) -> Options:
        """Return the options of `--quick`."""
        return cls(
            parts=("sampling", "training"),
            batch_sizes=(1, 64, 512),
            chunk_steps=5,
            ways=("graph",),
            modes=("graph",),
            rounds=3,
            seconds=0.1,
            limit=5.0,
            quick=True,
        )


@dataclass(frozen=True)
class Variant:
    """A model and the options in which it differs from its defaults.

    Attributes:
        name: as asked for, for example ``realnvp:units=1024``; of a run, the name of its folder.
        model: registered name; of a run, None.
        options: as the model's config takes them.
        run: the folder of a trained run, if it is one.
    """

    name: str
    model: str | None
    options: dict[str, Any]
    run: Path | None = None


def variants(options: Options, registry: Registry, default: Sequence[str] = ()) -> list[Variant]:
    """Return the variants: models with their options.

    Args:
        options: as asked for.
        registry: where models are looked up.
        default: what is measured when nothing is named; every model where it is empty.

    Raises:
        UnknownNameError: for a model or an option that does not exist.
        OptionError: for a value that an option cannot have, or a model named twice.
        RunError: for a folder that is no run.
    """
    from tfgen.runs.folder import RunFolder

    names = options.models or (() if options.runs else tuple(default) or tuple(registry.models))
    if len(set(names)) < len(names):
        raise OptionError(f"a model is named twice: {' '.join(names)}.")
    result = [variant(name, registry) for name in names]
    for path in options.runs:
        folder = RunFolder.open(path)
        result.append(Variant(folder.name, None, {}, path.resolve()))
    return result


def variant(name: str, registry: Registry) -> Variant:
    """Read ``MODEL`` or ``MODEL:OPTION=VALUE,OPTION=VALUE``; several entries have plus signs: ``mask=half+random``."""
    model, _, text = name.partition(":")
    spec = registry.model(model)
    arguments: list[str] = []
    for pair in filter(None, text.split(",")):
        option, equals, value = pair.partition("=")
        if not equals:
            raise OptionError(f"{name!r}: expected OPTION=VALUE behind the colon, got {pair!r}.")
        arguments += [f"--{option.strip().replace('_', '-')}", *value.strip().split("+")]
    config = parse(spec.config, arguments, f"run {model}", spec.summary)
    return Variant(name, model, to_json(config))
