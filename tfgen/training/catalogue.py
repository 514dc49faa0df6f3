"""Built-in optimizers and learning-rate schedules, by name; no TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping

from tfgen.errors import OptionError, UnknownNameError
from tfgen.plugin.registry import Registry
from tfgen.plugin.specs import OptimizerSpec, ScheduleSpec
from tfgen.training.options import TrainOptions

OPTIMIZERS = (
    OptimizerSpec("adam", "tfgen.training.optimisers:adam", "Adam", options=("beta_1", "beta_2")),
    OptimizerSpec(
        "adamw",
        "tfgen.training.optimisers:adamw",
        "Adam with decoupled weight decay",
        options=("beta_1", "beta_2", "weight_decay"),
    ),
)

SCHEDULES = (
    ScheduleSpec("constant", "tfgen.training.optimisers:constant", "the same rate in every step"),
    ScheduleSpec("cosine", "tfgen.training.optimisers:cosine", "half a cosine, to zero at the last step"),
)


def check_optimizer(options: TrainOptions, registry: Registry | None = None, usual: TrainOptions | None = None) -> None:
    """Check the names of optimizer and schedule, and that the optimizer heeds every option of optimizers that is given.

    Args:
        options: of training.
        registry: of the plugins; tfgen's own optimizers and schedules where None.
        usual: the model's defaults, which an optimizer may take no notice of; those of tfgen where None.

    Raises:
        UnknownNameError: for an optimizer or schedule of another name.
        OptionError: for an option that the optimizer takes no notice of.
    """
    spec = optimizer_of(options, registry)
    schedule_of(options, registry)
    usual = usual or TrainOptions()
    for name in ("beta_1", "beta_2", "weight_decay"):
        value = getattr(options, name)
        if name not in spec.options and value != getattr(usual, name):
            takers = sorted(other.name for other in _optimizers(registry).values() if name in other.options)
            raise OptionError(
                f"--{name.replace('_', '-')} {value:g} means nothing to the optimizer {options.optimizer!r}; "
                f"leave it out, or use --optimizer {' or '.join(takers)}."
            )


def _optimizers(registry: Registry | None) -> Mapping[str, OptimizerSpec]:
    return {spec.name: spec for spec in OPTIMIZERS} if registry is None else registry.optimizers


def optimizer_of(options: TrainOptions, registry: Registry | None) -> OptimizerSpec:
    """Return the optimizer that the options name, of the registry, or of tfgen's own where that is None.

    Raises:
        UnknownNameError: when there is none of that name.
    """
    if registry is not None:
        return registry.find(OptimizerSpec, options.optimizer)
    known = _optimizers(None)
    if options.optimizer not in known:
        raise UnknownNameError("optimizer", options.optimizer, known)
    return known[options.optimizer]


def schedule_of(options: TrainOptions, registry: Registry | None) -> ScheduleSpec:
    """Return the learning-rate schedule that the options name; see `optimizer_of`."""
    if registry is not None:
        return registry.find(ScheduleSpec, options.schedule)
    known = {spec.name: spec for spec in SCHEDULES}
    if options.schedule not in known:
        raise UnknownNameError("schedule", options.schedule, known)
    return known[options.schedule]
