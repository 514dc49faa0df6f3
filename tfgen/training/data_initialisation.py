"""Data-dependent initialisation: first weights that a model computes from training examples."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgen.data.dataset import Split
from tfgen.errors import OutOfMemoryError
from tfgen.model.author_errors import author_errors
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import InitialisesFromData
from tfgen.training.memory import is_out_of_memory
from tfgen.training.validation import batch_of

#: Most training examples that first weights are computed from.
_EXAMPLES = 10_000
_CONTRACT = "it takes a `tfgen.Batch` of training examples and assigns weights"


def initialise_from_data(model: GenerativeModel, train: Split) -> None:
    """Let a model that has data-dependent initialisation compute its first weights; one without it is left as it is.

    Args:
        model: freshly built; changed in place.
        train: the training split, of which examples at equal distances are taken where it has more than 10,000.

    Raises:
        PluginError: for an exception in the model's code.
        OutOfMemoryError: when so many examples at once do not fit into memory.
    """
    if isinstance(model, InitialisesFromData):
        rows = np.linspace(0, len(train) - 1, min(len(train), _EXAMPLES)).round().astype(np.int64)
        try:
            with author_errors(model, "initialise", _CONTRACT):
                model.initialise(batch_of(train, rows))
        except (MemoryError, tf.errors.OpError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"out of memory while model {type(model).__name__} computed its first weights from {len(rows)} training "
                "examples at once; take a smaller model, or --device cpu."
            ) from error
