"""Benchmark suite of `tfgen bench`: the cost of sampling and training a model, beside the machine's limits.

Contenders work in processes of their own (`worker`, and `pipe` at the other end), take turns (`suite`), and leave one row for
each thing that was timed (`rows`), which tables, figures and comparisons read.
"""

from __future__ import annotations

from tfgen import CommandSpec, Registration, hookimpl


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the command."""
    summary = "Benchmark models: sampling, training, growth, against the machine's limits; compare results."
    registry.add_command(CommandSpec("bench", "tfgen_benchmarks.tool:main", summary))
