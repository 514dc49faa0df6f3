"""Main program `tfgen`: global options, then one command of `tfgen.cli.commands` or of a plugin."""

from __future__ import annotations

import argparse
import importlib
import io
import keyword
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tfgen.cli.context import CommandContext
from tfgen.cli.name_conflict import conflict_warning
from tfgen.errors import OptionError, TfgenError, UnknownNameError
from tfgen.plugin.author_code import author_function, failure
from tfgen.plugin.specs import CORE_COMMANDS
from tfgen.printed import say
from tfgen.training.interruption import signal_of, sigterm_stops

#: Most characters of a path and of a message that are shown.
_SHOWN, _LONGEST = 200, 2000
_GLOBAL = ("-p", "--help", "--verbose", "--traceback", "--version")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for a mistake of the user, 130 after Ctrl-C, 143 after SIGTERM."""
    show_traceback = False
    for stream in (sys.stdout, sys.stderr):  # a text from a file or a folder's name may be one that no terminal shows
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options, rest = _GlobalOptions().parse_known_args(arguments)
        show_traceback = options.traceback
        if not rest or rest[0] in ("-h", "--help"):
            say(*_help(CommandContext(tuple(options.plugins), options.verbose)))
            return 0 if rest else 2
        name, *behind = rest
        if name.startswith("-"):
            raise UnknownNameError("option", name, _GLOBAL, "See: tfgen --help")
        context = CommandContext(tuple(options.plugins), options.verbose)
        if name != "doctor" and (warning := conflict_warning()):
            say(f"warning: {warning}", error=True)
        with sigterm_stops():
            _function(name, context)(behind, context)
    except TfgenError as error:
        if show_traceback:
            say(*traceback.format_exc().rstrip().split("\n"), error=True)
        say(f"tfgen: {_shortened(str(error))}", error=True)
        return error.exit_code
    except KeyboardInterrupt as stop:
        signum = signal_of(stop)
        say(
            "tfgen: stopped" if signum == signal.SIGINT else f"tfgen: stopped by {signal.Signals(signum).name}",
            error=True,
        )
        return 128 + signum
    except BrokenPipeError:  # the reader went away, as in `tfgen list | head -1`
        sys.stderr.close()
        return 0
    except (OSError, MemoryError) as error:  # a name that is too long, a folder that is gone, a full disk
        if show_traceback:
            say(*traceback.format_exc().rstrip().split("\n"), error=True)
        say(f"tfgen: {_system_failure(error)}", error=True)
        return TfgenError.exit_code
    return 0


def _shortened(text: str) -> str:
    """Return a message without the middle if it is of a length that nobody reads, as a file may make it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 4 :]}"


def _system_failure(error: OSError | MemoryError) -> str:
    """Return one line about a failure of the system that no command has explained."""
    if isinstance(error, MemoryError):
        return "the memory does not suffice; take fewer examples at a time (--batch-size), or smaller ones."
    name = str(error.filename or "")
    shown = f"{name[:_SHOWN]}..." if len(name) > _SHOWN else name
    why = error.strerror or str(error) or type(error).__name__
    return f"cannot use {shown}: {why}." if shown else f"the system says: {why}."


class _GlobalOptions(argparse.ArgumentParser):
    """Global options of every command, at any position."""

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


def _function(name: str, context: CommandContext) -> Callable[[Sequence[str], CommandContext], None]:
    """Return the main function of a command, of the core or of a plugin."""
    if name in CORE_COMMANDS:
        result: Callable[[Sequence[str], CommandContext], None] = _module(name).main
        return result
    function = context.registry().command(name).function()
    if any(name in record.commands for record in context.registry().plugins if record.kind == "built-in"):
        return function

    def run(arguments: Sequence[str], context: CommandContext) -> None:
        contract = "it takes (arguments, context), and raises a tfgen.TfgenError for a mistake of the user"
        try:
            with author_function(f"command {name!r}", contract):
                function(arguments, context)
        except BrokenPipeError:
            raise
        except (OSError, NotImplementedError) as error:  # which `author_function` lets pass; nobody else tells them
            raise failure(f"command {name!r}: its function", contract, error) from error

    return run


def _module(name: str) -> Any:
    """Return the module of a command of the core."""
    module = name.replace("-", "_")
    return importlib.import_module(f"tfgen.cli.commands.{module}{'_' if keyword.iskeyword(module) else ''}")


def _help(context: CommandContext) -> list[str]:
    commands = {name: _module(name).__doc__ or "" for name in CORE_COMMANDS}
    commands |= {name: spec.summary for name, spec in context.registry().commands.items()}
    lines = ["usage: tfgen [-p PLUGIN] [--verbose] [--traceback] COMMAND ...", ""]
    lines += ["Explicit generative models as plugins: train, evaluate, sample.", "", "commands:"]
    lines += [f"  {name:<15} {text.splitlines()[0]}" for name, text in commands.items()]
    lines += [
        "",
        "options, before or behind the command:",
        "  -p FILE.py      add the plugin in a file; -p package.module adds an importable one, -p no:NAME leaves one out",
        "  --verbose       show what TensorFlow writes while it loads",
        "  --traceback     show where an error arose",
        "  --version       print the version",
        "",
        "tfgen COMMAND --help tells more; tfgen run MODEL --help shows the model's own options. "
        f"Start with: tfgen run {context.registry().example}",
    ]
    return lines
