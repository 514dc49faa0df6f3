"""Load TensorFlow: without its log noise, and on the requested device."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType
from typing import Any

from tfgen.errors import TfgenError
from tfgen.printed import say
from tfgen.version import DISTRIBUTION

#: Distributions whose versions affect the results of a run.
RECORDED = ("tensorflow", "tensorflow-probability", "keras", "tf_keras", "tensorflow-datasets", "numpy")


def load_tensorflow(verbose: bool = False, announce: bool = False) -> ModuleType:
    """Import TensorFlow, TensorFlow Probability and Keras, without their log messages on stderr.

    Args:
        verbose: show the output of libraries.
        announce: print on stderr that loading takes a few seconds.

    Returns:
        The `tensorflow` module.

    Raises:
        TfgenError: when one of them is missing; gives the pip command.
    """
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        return sys.modules["tensorflow"]
    if announce:
        say("loading TensorFlow ...", error=True)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        with contextlib.nullcontext() if verbose else captured_stderr():
            import keras  # noqa: F401
            import tensorflow as tf
            import tensorflow_probability  # noqa: F401

            devices = tf.config.list_physical_devices("GPU")  # looks for CUDA, loudly
    except ModuleNotFoundError as error:
        raise TfgenError(f"{error.name} is not installed; run: pip install {error.name}") from error
    for device in devices:  # take memory as it is needed, so that two runs can share a GPU
        with contextlib.suppress(RuntimeError):  # too late to change when the user has used the GPU already
            tf.config.experimental.set_memory_growth(device, True)
    module: ModuleType = tf
    return module


@contextlib.contextmanager
def captured_stderr() -> Iterator[None]:
    """Capture file descriptor 2 (stderr), and print its content only if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        original = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


@contextlib.contextmanager
def without_retracing_warnings() -> Iterator[None]:
    """Context manager for programs that load many models: silences TensorFlow's retracing warning."""

    def is_another_message(record: logging.LogRecord) -> bool:
        return "tf.function retracing" not in str(record.msg)

    logger = load_tensorflow().get_logger()
    logger.addFilter(is_another_message)
    try:
        yield
    finally:
        logger.removeFilter(is_another_message)


def device_scope(device: str) -> Any:
    """Return the context in which tensors and operations live on `device` (``auto``, ``cpu`` or ``gpu``).

    Raises:
        TfgenError: when a GPU is asked for and TensorFlow sees none.
    """
    tf = load_tensorflow()
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise TfgenError(
            "--device gpu: TensorFlow sees no GPU here; leave the option out to use the CPU, or install the GPU's libraries, "
            "in the folder of the checkout: pip install '.[gpu]'"
        )
    if device == "auto":
        return contextlib.nullcontext()
    return tf.device(f"/{device.upper()}:0")


def device_name(device: str) -> str:
    """Return a readable name of the device that a run uses, for example ``CPU (2 cores)``."""
    tf = load_tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if device != "cpu" and gpus:
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
    return f"CPU ({os.cpu_count()} cores)"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that affect the results of a run."""
    result = {"python": platform.python_version()}
    for key, distribution in {"tfgen": DISTRIBUTION, **{name: name for name in RECORDED}}.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            result[key] = metadata.version(distribution)
    return result
