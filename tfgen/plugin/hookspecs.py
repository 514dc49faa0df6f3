"""Hook specifications: one hook that adds models, data sets and commands, and four that observe a run.

A plugin is a module, or an instance of a class, with functions of these names that are decorated with
``tfgen.hookimpl``. Each hook is optional, and so is each argument: a function that needs only the step says
``def tfgen_progress(step)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from tfgen.plugin.registration import Registration

if TYPE_CHECKING:
    from pathlib import Path

    import keras

PROJECT = "tfgen"


class ObservedRun(Protocol):
    """A run as observers see it; at run time it is a `tfgen.Run`."""

    @property
    def name(self) -> str:
        """The name of the run's folder."""

    @property
    def folder(self) -> Path:
        """The run's folder."""


hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tfgen_register(registry: Registration) -> None:
    """Add models (``registry.add_model(ModelSpec(...))``), data sets (``add_dataset``) and commands (``add_command``).

    Called once for each command, `tfgen list` and `--help` among them, so it should take no time: name the model's
    class by a dotted path, ``"package.module:Class"``, and TensorFlow is imported only when the model is built.

    A hook that raises adds nothing, not even what it added before: the plugin is recorded as failed, with the reason,
    and the other plugins go on.

    Args:
        registry: where this plugin's models and data sets go.
    """


@hookspec
def tfgen_run_started(run: ObservedRun, model: keras.layers.Layer) -> None:
    """Watch a run start or resume: its folder exists and the model is built; the first step comes next.

    Like every observer, it is called on the thread that trains, which waits for it. An observer that raises is reported
    once, as a warning, and none of its plugin's observers is called again; training goes on.

    Args:
        run: the run; ``run.folder`` is a `pathlib.Path`, ``run.name`` the folder's name.
        model: the model with its initial weights. It belongs to the run: look, and do not change.
    """


@hookspec
def tfgen_progress(run: ObservedRun, step: int, metrics: Mapping[str, float]) -> None:
    """Watch training: called with each of its reports, every few steps and after each validation.

    Args:
        run: the run.
        step: optimisation steps done so far, counted from the run's first start.
        metrics: what was measured since the last report, under names like ``"train/loss"`` and ``"valid/loss"``; the
            names differ from call to call, as validation is rarer than training.
    """


@hookspec
def tfgen_run_finished(run: ObservedRun, results: Mapping[str, Any]) -> None:
    """Watch a run end well: training and evaluation are done, and ``results.json`` is written.

    Args:
        run: the run.
        results: the content of ``results.json``: ``{"model", "data", "test": {metric: value}, "valid": {...}, ...}``.
    """


@hookspec
def tfgen_run_failed(run: ObservedRun, error: BaseException) -> None:
    """Watch a run end badly: called instead of `tfgen_run_finished`; `error` is raised again afterwards.

    Args:
        run: the run; what it wrote so far is still in its folder.
        error: what ended it; a `KeyboardInterrupt` when the user did.
    """
