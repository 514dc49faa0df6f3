"""SavedModel of a trained model, TensorFlow's format of programs with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from tfgen.export.signatures import Signature
from tfgen.model.base import GenerativeModel


def write(signatures: Mapping[str, Signature], model: GenerativeModel, folder: Path) -> Mapping[str, str]:
    """Write a SavedModel with a signature for each function; it holds all of them, and leaves out none."""
    module = tf.Module()
    module.variables_of_model = [weight.value for weight in model.weights]  # which a module tracks
    tf.saved_model.save(
        module,
        str(folder),
        signatures={name: signature.program() for name, signature in signatures.items()},
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )
    return {}
