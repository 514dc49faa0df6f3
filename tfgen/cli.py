"""The command line: global options, then one command, each in a file of its own under `tfgen.commands`."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tfgen.errors import OptionError, TfgenError, UnknownNameError

if TYPE_CHECKING:
    from tfgen.registry import Registry
    from tfgen.runs import Run

#: The commands in the order of `tfgen --help`; each is a module with a one-line docstring and a `main`.
COMMANDS = (
    "run", "resume", "evaluate", "sample", "compare", "report", "sweep", "interpolate", "inpaint", "latent", "number",
    "classify", "neighbours", "divergence", "bench", "info", "list", "datasets", "plugins",
)  # fmt: skip
_GLOBAL = ("-p", "--help", "--verbose", "--traceback", "--version")


@dataclass(frozen=True)
class Context:
    """What every command has at hand.

    Attributes:
        plugins: the values of ``-p``.
        verbose: show what the libraries write.
    """

    plugins: tuple[str, ...]
    verbose: bool

    def registry(self) -> Registry:
        """Load the plugins; those that were found and do not work are named on stderr."""
        from tfgen.loading import load_registry

        registry = load_registry(self.plugins)
        for record in registry.plugins:
            if record.status == "failed":
                print(f"warning: plugin {record.name!r} is left out: {record.cause}", file=sys.stderr)
        return registry

    def run(self, folder: Path) -> Run:
        """Return the run in a folder, ready for use: mistakes in the folder are told before TensorFlow loads."""
        from tfgen.run_folder import RunFolder
        from tfgen.runs import Run

        run = Run(RunFolder.open(folder), self.registry())
        run.check()
        self.tensorflow()
        return run

    def tensorflow(self) -> None:
        """Load TensorFlow, and say so, since it takes seconds."""
        from tfgen.runtime import load_tensorflow

        load_tensorflow(self.verbose, announce=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for a mistake the user can mend, 130 after Ctrl-C."""
    show_traceback = False
    try:
        options, rest = _GlobalOptions().parse_known_args(arguments)
        show_traceback = options.traceback
        if not rest or rest[0] in ("-h", "--help"):
            print(_help())
            return 0 if rest else 2
        name, *behind = rest
        if name.startswith("-"):
            raise UnknownNameError("option", name, _GLOBAL, "See: tfgen --help")
        if name not in COMMANDS:
            raise UnknownNameError("command", name, COMMANDS, "See: tfgen --help")
        command = importlib.import_module(f"tfgen.commands.{name}")
        command.main(behind, Context(tuple(options.plugins), options.verbose))
    except TfgenError as error:
        if show_traceback:
            traceback.print_exc()
        print(f"tfgen: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("tfgen: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader went away, as in `tfgen list | head -1`
        sys.stderr.close()
        return 0
    return 0


class _GlobalOptions(argparse.ArgumentParser):
    """The options that every command takes, wherever they stand."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self.add_argument("-p", dest="plugins", action="append", default=[])
        self.add_argument("--traceback", action="store_true")
        self.add_argument("--verbose", action="store_true")
        self.add_argument("--version", action="version", version=_version())

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see: tfgen --help")


def _version() -> str:
    from tfgen import __version__

    return f"tfgen {__version__}"


def _help() -> str:
    lines = ["usage: tfgen [-p PLUGIN] [--verbose] [--traceback] COMMAND ...", ""]
    lines += ["Explicit generative models as plugins: train, evaluate, sample.", "", "commands:"]
    for name in COMMANDS:
        summary = (importlib.import_module(f"tfgen.commands.{name}").__doc__ or "").splitlines()[0]
        lines.append(f"  {name:<11} {summary}")
    lines += [
        "",
        "options, before or behind the command:",
        "  -p FILE.py      add the plugin in a file; -p package.module adds an importable one, -p no:NAME leaves one out",
        "  --verbose       show what TensorFlow writes while it loads",
        "  --traceback     show where an error arose",
        "  --version       print the version",
        "",
        "tfgen COMMAND --help tells more; tfgen run MODEL --help shows the model's own options. Start with: tfgen run realnvp",
    ]
    return "\n".join(lines)
