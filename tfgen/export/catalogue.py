"""Catalogue of the export formats that tfgen has itself. Loads no TensorFlow."""

from __future__ import annotations

from tfgen.plugin.specs import ExportFormatSpec

_LOAD_SAVED_MODEL = '''\
import tensorflow as tf


def load(folder):
    """Return the functions of the model by name: of arrays by name, returning an array."""
    loaded = tf.saved_model.load(str(folder))  # its weights live as long as it does

    def function(signature):
        def call(model=loaded, **arrays):
            tensors = {name: tf.constant(array) for name, array in arrays.items()}
            return next(iter(signature(**tensors).values())).numpy()

        return call

    return {name: function(signature) for name, signature in loaded.signatures.items()}
'''

FORMATS = (
    ExportFormatSpec(
        "savedmodel",
        "tfgen.export.saved_model:write",
        _LOAD_SAVED_MODEL,
        "TensorFlow's own, for TensorFlow Serving and any program with TensorFlow",
    ),
)
