"""What a plugin registers (`ModelSpec`, `DatasetSpec`) and what a data set is like (`DataSpec`); no TensorFlow here."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

from tfgen.errors import PluginError

if TYPE_CHECKING:
    from tfgen.data.dataset import Dataset
    from tfgen.models import GenerativeModel

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class DataSpec:
    """What one example of a data set is.

    Attributes:
        kind: ``"image"`` for uint8 arrays ``[batch, height, width, channels]``, ``"vector"`` for float32 ``[batch, d]``.
        shape: the shape of one example, without the batch.
        classes: how many labels there are, ``0 .. classes - 1``; None for a set without labels.
        levels: for images, the number of integer grey levels; values lie in ``0 .. levels - 1`` (256 for 8-bit data).
        value_range: for vectors, the interval that holds practically all values; pictures use it as their frame.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: int | None = None
    levels: int = 256
    value_range: tuple[float, float] = (-4.0, 4.0)

    @property
    def dimensions(self) -> int:
        """The number of scalars in one example, D in bits per dimension."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class ModelSpec:
    """A model as a plugin registers it.

    Attributes:
        name: the name users type.
        config: a frozen dataclass; its fields, defaults and docstrings become the model's command-line options.
        model: the `GenerativeModel` class, a function ``(config, data, seed) -> GenerativeModel``, or a dotted path
            ``"package.module:Class"``, which keeps TensorFlow out of the plugin's import.
        summary: one line for `tfgen list`.
        reference: the paper, one line.
        training: defaults of training options that suit this model, for example ``{"learning_rate": 1e-4}``.
        precisions: the precisions in which the model is known to work.
    """

    name: str
    config: type[Any]
    model: str | Callable[..., GenerativeModel]
    summary: str
    reference: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    precisions: tuple[Precision, ...] = ("float32",)

    def __post_init__(self) -> None:
        if not (isinstance(self.config, type) and is_dataclass(self.config)):
            raise PluginError(f"model {self.name!r}: config must be a dataclass type, got {self.config!r}.")
        if isinstance(self.model, str) and self.model.count(":") != 1:
            raise PluginError(f"model {self.name!r}: the path {self.model!r} must read 'package.module:Class'.")

    def factory(self) -> Callable[..., GenerativeModel]:
        """Return the callable that builds the model, importing it (and with it TensorFlow) only now."""
        if not isinstance(self.model, str):
            return self.model
        module, _, attribute = self.model.partition(":")
        try:
            built: Callable[..., GenerativeModel] = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise PluginError(f"model {self.name!r}: cannot import {self.model!r}: {error}.") from error
        return built


@dataclass(frozen=True)
class DataSources:
    """Where data sets may look for files.

    Attributes:
        data_dir: the folder that holds prepared data sets; None means the usual one of tensorflow-datasets.
        manual_dir: a folder with files that were downloaded by hand, for machines without a network.
    """

    data_dir: str | None = None
    manual_dir: str | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set as a plugin registers it.

    Attributes:
        name: the name users type.
        load: builds the data set; called once per command.
        summary: one line for `tfgen datasets`.
        reference: the source, one line.
    """

    name: str
    load: Callable[[DataSources], Dataset]
    summary: str
    reference: str = ""
