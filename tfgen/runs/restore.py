"""Restore a trained model from a run folder; the data set is not needed."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from tfgen.data.spec import DataSpec
from tfgen.errors import RunError
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.weights import weight_names
from tfgen.plugin.specs import ModelSpec
from tfgen.runs.config import RunConfig
from tfgen.runtime import device_scope
from tfgen.training.checkpoints import Checkpoints, check_spec, saved_weights, within_saved
from tfgen.training.saved_steps import has_weights_alone
from tfgen.training.saved_weights import SavedWeights
from tfgen.training.state import TrainingState
from tfgen.training.weights_file import WeightsFile


def restored_model(folder: Path, spec: ModelSpec, config: RunConfig, data: DataSpec) -> GenerativeModel:
    """Restore a run's model with its final weights, or the best so far of an unfinished run.

    Args:
        folder: of the run.
        spec: of the model, as registered.
        config: the run's options.
        data: spec of the data that the run was trained on.

    Raises:
        RunError: when there are neither a checkpoint nor the weights of a pack, or they are damaged, not finite, or of another
            model.
    """
    training = config.training
    with device_scope(config.device):
        if has_weights_alone(folder):
            weights = WeightsFile(folder)
            model = _build_within(folder, weights.saved, spec, config, data)
            weights.assign_to(model)
        else:
            model = build_for_checkpoint(folder, spec, config, data)
            state = TrainingState(model, [], ema=training.ema > 0, keep_best=training.keep == "best")
            Checkpoints(folder, state).restore()
            state.finish()
        _require_finite(folder, model)
    return model


def _require_finite(folder: Path, model: GenerativeModel) -> None:
    """Refuse weights that are NaN or infinite, of a file that was damaged or made to do harm: samplers fail on them."""
    for name, weight in zip(weight_names(model), model.weights, strict=True):
        value = tf.convert_to_tensor(weight)
        if value.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(value))):
            raise RunError(
                f"{folder} has weights that are not finite ({name}); make the run again, or take a sound copy."
            )


def build_for_checkpoint(folder: Path, spec: ModelSpec, config: RunConfig, data: DataSpec) -> GenerativeModel:
    """Build a run's model for its latest checkpoint, with the weights that training begins with.

    A ``config.json`` that does not fit the checkpoint is refused before the model takes more memory than the checkpoint.

    Raises:
        RunError: when there is no checkpoint, it is damaged, or config.json does not fit it.
    """
    return _build_within(folder, saved_weights(folder), spec, config, data)


def _build_within(
    folder: Path, saved: SavedWeights, spec: ModelSpec, config: RunConfig, data: DataSpec
) -> GenerativeModel:
    check_spec(folder, saved, data)
    with within_saved(folder, saved):
        return build_model(spec, config.options, data, config.training.seed, config.training.precision)
