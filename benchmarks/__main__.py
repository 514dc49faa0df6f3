"""``python -m benchmarks``: `tfgen bench` with other libraries beside it, and profiles."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure, compare two results, or profile a model; return the exit code."""
    if list(arguments[:1]) == ["profile"]:
        from benchmarks.profiles import main as profile

        return profile(arguments[1:])
    from benchmarks.rivals import DEFAULT, PeerOptions, rivals
    from benchmarks.targets import verdicts
    from tfgen.plugin.loading import load_registry
    from tfgen_benchmarks import command

    plugins, rest = _plugins(arguments)
    return command.run(
        rest,
        lambda given: command.main(
            given, load_registry(plugins), plugins, "python -m", "benchmarks", DEFAULT, rivals, verdicts, PeerOptions
        ),
    )


def _plugins(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the values of ``-p`` and the other arguments."""
    plugins: list[str] = []
    rest: list[str] = []
    given = iter(arguments)
    for argument in given:
        if argument == "-p":
            plugins += [value for value in [next(given, None)] if value is not None]
        else:
            rest.append(argument)
    return plugins, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
