"""Next steps after a training: the commands that make sense for the run's model and data, quoted, with their ``-p``."""

from __future__ import annotations

import itertools

from tfgen.errors import CapabilityError
from tfgen.runs.run import Run

#: Samples for FID and the like; with fewer test examples no more than there are of these.
MOST_SAMPLES = 10_000
_SAMPLES_OF_A_PICTURE, _ROWS_OF_A_TABLE = 100, 1000
_NUMBER = "2026"


def next_commands(run: Run) -> list[str]:
    """Return the commands to go on with, of those that the model can be asked for."""
    from tfgen.model.capabilities import (
        HasLatents,
        Inpaints,
        Samples,
        require_continuous_codes,
        require_no_context,
        uses_context,
    )

    model, command = run.model, run.files.command
    commands = []
    if isinstance(model, Samples):
        if run.data_spec.named:
            commands.append(command("sample", "--count", _ROWS_OF_A_TABLE, "--out", "samples.csv"))
        else:
            commands.append(command("sample", "--count", _SAMPLES_OF_A_PICTURE, "--out", "samples.png"))
        if model.conditional and run.data_spec.spatial and not uses_context(model):
            commands.append(command("number", _number(run.data_spec.classes or 1)))
        commands.append(command("evaluate", "--samples", sample_count(run)))
    if isinstance(model, HasLatents):
        try:
            require_continuous_codes(model, "tfgen latent")
            require_no_context(model, "tfgen latent")
            commands.append(command("latent"))
        except CapabilityError:
            pass
    if isinstance(model, Inpaints) and run.data_spec.spatial:
        commands.append(command("inpaint"))
    if "report" in run.registry.commands:
        commands.append(command("report"))
    return commands


def sample_count(run: Run) -> int:
    """Return how many samples to compare with the test split of a run."""
    return max(2, min(MOST_SAMPLES, len(run.data.test)))


def _number(classes: int) -> str:
    """Return a number with the digits of that many classes.

    >>> _number(10), _number(3), _number(1)
    ('2026', '0120', '0000')
    """
    if all(int(digit) < classes for digit in _NUMBER):
        return _NUMBER
    digits = itertools.cycle(range(min(classes, 10)))
    return "".join(str(next(digits)) for _ in _NUMBER)
