"""Base class of generative models: a Keras layer with objectives. `tfgen.model.capabilities` has what else a model can do.

Images at every public boundary are uint8 ``[batch, height, width, channels]``, vectors float32 ``[batch, d]``, labels
int32 ``[batch]``; log-probabilities are in nats. Everything random takes a seed: an integer, or a stateless pair.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfgen.data.codec import LogitCodec
from tfgen.data.column_map import context_rows
from tfgen.data.labels import MISSING, require_classes
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError, DataError, OutOfMemoryError, PluginError
from tfgen.metrics.metric import Density, given_label
from tfgen.model.author_errors import author_errors
from tfgen.model.boundary import check_density, check_signatures, guard
from tfgen.model.objective import Batch, Objective
from tfgen.model.weights import named_weights
from tfgen.plugin.specs import ModelSpec
from tfgen.plugin.train_options import Precision
from tfgen.printed import say

#: As what a model scores images: by their ``grey_levels``, a number per cell of one level; as ``bits`` that it made of them;
#: or by the ``cross_entropy`` of grey levels under a distribution of bits, which is no likelihood.
ScoredAs = Literal["grey_levels", "bits", "cross_entropy"]


class GenerativeModel(keras.layers.Layer):
    """The base of every model: a Keras layer, so that Keras owns and tracks each weight.

    A subclass makes its networks in ``__init__`` as attributes and builds them there; distributions and bijectors of
    TensorFlow Probability are made over them when they are needed, since they track no Keras 3 weights.

    Args:
        config: the model's options, an instance of its registered dataclass.
        data: what one example is like; call `self.refuse` for what the model cannot take.
        seed: seed of the initial weights.

    Attributes:
        config: as given.
        data: as given.
        seed: as given.
        conditional: whether the model needs labels, or a context; a class attribute.
        takes_context: whether a conditional model takes the numbers of `DataSpec.context`, beside or in the place of labels:
            it uses `condition` and `condition_width` in the place of `one_hot` and `DataSpec.classes`; a class attribute.
        context_features: how many numbers `embed` makes of a context, for a model with an embedding network; None for those
            of the context themselves.
        labels_optional: whether a conditional model also works without a label, as a network trained for classifier-free
            guidance does; then None stands for no labels at all, and -1 for one that is missing; a class attribute.
        density: what kind of number `log_prob` or `elbo` is: ``"exact"``, a lower ``"bound"`` of the log-likelihood, or that
            of ``"dequantised"`` images. A model that has either says it; None for a model without.
        discrete_codes: whether the codes of `encode`, `decode` and `prior` are int32 (vector quantisation); nothing lies
            between two of them, so that interpolation is refused; a class attribute.
        scored_as: as what images are scored; decides under which names densities are reported. Vectors are scored as they are.
        sampling: the options of `sample` at their defaults, an instance of the dataclass `ModelSpec.sampling`, set when the
            model is built; None for a sampler without options.
        validation_loss_ranks: true if validation losses of one run can be ranked; a class attribute. False for adversarial
            models: ``--keep best`` and ``--patience`` are refused.
        density_dtype: in which densities are computed: float32, or float64 when the model is built under Keras's float64
            policy (for checks to many digits); never less, whatever the precision of the networks.
    """

    conditional: bool = False
    density: Density | None = None
    scored_as: ScoredAs = "grey_levels"
    validation_loss_ranks: bool = True
    sampling: Any = None
    labels_optional: bool = False
    takes_context: bool = False
    context_features: int | None = None
    discrete_codes: bool = False

    def __init__(self, config: Any, data: DataSpec, seed: int) -> None:
        super().__init__(name=type(self).__name__.lower())
        self.config = config
        self.data = data
        self.seed = seed
        self.density_dtype = tf.float64 if keras.config.dtype_policy().compute_dtype == "float64" else tf.float32
        if self.conditional and data.classes is None and not self.uses_context:
            given = "it takes labels, and no context" if data.context else "it is conditional"
            raise self.refuse(f"{given}, and this data set has no labels.")
        self.built = True  # weights are made in __init__, not at a first call

    def __init_subclass__(cls, **options: Any) -> None:
        """Check arguments, results and exceptions of the subclass's public methods; see `tfgen.model.boundary`."""
        super().__init_subclass__(**options)
        guard(cls)

    def objectives(self) -> Sequence[Objective]:
        """Return what training minimises; several are run in turn inside one compiled step."""
        raise PluginError(f"{type(self).__name__} does not say what to minimise; define objectives().")

    def basis(self) -> Mapping[str, Any]:
        """Return what has to be said beside each number: ``levels``, ``alpha``, ... of `tfgen.Basis`, and names of its own.

        By default that is the number of grey levels of a model that scores them, and what the model's codecs say
        (`tfgen.layers.LogitCodec`), which are found among its attributes.
        """
        codecs = [value for value in vars(self).values() if isinstance(value, LogitCodec)]
        levels = {"levels": self.data.levels} if self.data.quantised and self.scored_as == "grey_levels" else {}
        return levels | {name: entry for codec in codecs for name, entry in codec.basis().items()}

    @property
    def uses_context(self) -> bool:
        """True if the model is given the context of its data: it takes one, and they have one."""
        return self.conditional and self.takes_context and self.data.context is not None

    @property
    def condition_width(self) -> int:
        """Numbers that `condition` gives for each example: the classes, and those of the context; 0 if not conditional.

        With an embedding network, those of the context are its `context_features`.
        """
        if not self.conditional:
            return 0
        if not self.uses_context:
            return self.data.classes or 0
        numbers = self.data.context_width if self.context_features is None else self.context_features
        return (self.data.classes or 0) + numbers

    def embed(self, context: tf.Tensor) -> tf.Tensor:
        """Return what the networks are given of a context, ``[n, context_features]``: the context itself.

        A subclass overrides it with an embedding network, for contexts that are images or sets: it sets `context_features`,
        makes the network in ``__init__`` and reshapes the numbers to what they are. The weights are trained with the others.

        Args:
            context: ``[n, DataSpec.context_width]`` of the type of densities, standardised over the training split; categories
                are one-hot.
        """
        return context

    def given(self, batch: Batch) -> tf.Tensor | None:
        """Return what the model is given of a batch, the argument `labels` of its methods: labels, contexts, or both.

        Labels are int32 [n]; with a context they are float32 ``[n, k]``, or ``[n, 1 + k]`` with the label first.
        """
        if not self.conditional:
            return None
        if not self.uses_context:
            return batch.labels
        if self.data.classes is None or batch.context is None:
            return batch.context
        return tf.concat([tf.cast(batch.labels, batch.context.dtype)[:, None], batch.context], axis=-1)

    def condition(self, labels: Any, n: Any = None) -> tf.Tensor | None:
        """Return what a network is given of labels and contexts: rows [n, `condition_width`]; None if not conditional.

        Labels are one-hot (`one_hot`); numbers of a context have mean 0 and deviation 1 over the training split, and its
        categories are one-hot.

        Args:
            labels: as `given` returns them.
            n: how many there should be, where that is known.

        Raises:
            DataError: for labels or contexts that are missing, superfluous, or of the wrong shape.
        """
        if not self.uses_context:
            return self.one_hot(labels, n)
        assert self.data.context is not None
        width = len(self.data.context) + (self.data.classes is not None)
        rows = None if labels is None else tf.convert_to_tensor(labels)
        if rows is None or rows.shape.rank != 2 or rows.shape[1] not in (None, width) or not rows.dtype.is_floating:
            label = "its label and " if self.data.classes is not None else ""
            got = "none" if rows is None else f"{rows.dtype.name} of shape {rows.shape.as_list()}"
            raise DataError(
                f"model {type(self).__name__} needs {label}a context of {len(self.data.context)} numbers for each example, "
                f"[n, {width}] in all; got {got}."
            )
        count = None if n is None else tf.get_static_value(n)
        if count is not None and rows.shape[0] not in (None, int(count)):
            raise DataError(f"expected {count} contexts, one for each example; got {rows.shape[0]}.")
        if self.data.classes is None:
            return self._embedded(rows)
        hot = self.one_hot(tf.cast(rows[:, 0], tf.int32), n)
        return tf.concat([hot, self._embedded(rows[:, 1:])], axis=-1)

    def _embedded(self, context: tf.Tensor) -> tf.Tensor:
        assert self.data.context is not None
        found = self.embed(context_rows(context, self.data.context, self.density_dtype))
        wanted = self.condition_width - (self.data.classes or 0)
        if found.shape.rank != 2 or found.shape[1] != wanted:
            raise PluginError(
                f"model {type(self).__name__}: embed() must return [n, {wanted}], as context_features says; got "
                f"{found.shape.as_list()}."
            )
        return tf.cast(found, self.density_dtype)

    def term_name(self, name: str) -> str:
        """Return what a term of the loss is called: ``NAME_given_label`` for a model that is given labels."""
        return given_label(name) if self.conditional and self.data.classes is not None else name

    def one_hot(self, labels: Any, n: Any = None) -> tf.Tensor | None:
        """Return labels as rows [n, classes] for a conditional model, None for an unconditional one.

        Of a model whose labels are optional the row of a missing label is zero.

        A label outside the classes that only shows inside a compiled function becomes a row of NaN, so that it cannot pass
        for an example without a class.

        Args:
            labels: integers [n], or None.
            n: how many there should be, an integer or a scalar tensor, where that is known; needed where labels are optional.

        Raises:
            DataError: for labels that are missing, superfluous, of the wrong length, or outside the classes.
        """
        name, classes = type(self).__name__, self.data.classes or 0
        if not self.conditional:
            if labels is not None:
                raise DataError(f"model {name} takes no labels; leave them out.")
            return None
        if labels is None and self.labels_optional:
            if n is None:
                raise PluginError(f"model {name}: one_hot(labels, n) needs n where labels are optional.")
            return tf.zeros([n, classes], self.density_dtype)
        if labels is None:
            raise DataError(f"model {name} needs a label for each example, 0 .. {classes - 1}.")
        labels = tf.convert_to_tensor(labels)
        if labels.shape.rank != 1 or not labels.dtype.is_integer:
            raise DataError(
                f"labels must be integers of shape [n]; got {labels.dtype.name} of shape {labels.shape.as_list()}."
            )
        count = None if n is None else tf.get_static_value(n)  # in a graph it may be known at run time only
        if count is not None and labels.shape[0] not in (None, int(count)):
            raise DataError(f"expected {count} labels, one for each example; got {labels.shape[0]}.")
        known = tf.get_static_value(labels)
        if known is not None:
            require_classes(known, classes, missing=self.labels_optional)
        rows = tf.one_hot(labels, classes, dtype=self.density_dtype)  # of zeros for -1
        lowest = MISSING if self.labels_optional else 0
        valid = (labels >= lowest) & (labels < tf.cast(classes, labels.dtype))
        return tf.where(valid[:, None], rows, tf.constant(float("nan"), self.density_dtype))

    def summary(self) -> None:
        """Print the weights of the model by name, with shapes, and how many numbers are trained."""
        trained = {id(weight) for weight in self.trainable_variables}
        rows = [
            (
                name,
                "x".join(map(str, weight.shape)) or "1",
                f"{math.prod(weight.shape):,}",
                "yes" if id(weight) in trained else "no",
            )
            for name, weight in named_weights(self).items()
        ]
        width = max([len("weight"), *(len(row[0]) for row in rows)])
        say(
            f"{type(self).__name__} of {self.data.described()}",
            f"{'weight':<{width}}  {'shape':>14} {'numbers':>12}  trained",
        )
        say(*(f"{name:<{width}}  {shape:>14} {numbers:>12}  {is_trained}" for name, shape, numbers, is_trained in rows))
        total = sum(math.prod(weight.shape) for weight in self.trainable_variables)
        say(f"{total:,} trained numbers in {len(self.trainable_variables)} weights")

    def refuse(self, reason: str) -> DataError:
        """Return the error that says why this model cannot take the data; raise it."""
        return DataError(f"model {type(self).__name__} cannot take this data (shape {self.data.shape}): {reason}")


def build_model(
    spec: ModelSpec, config: Any, data: DataSpec, seed: int, precision: Precision = "float32"
) -> GenerativeModel:
    """Build a model with repeatable initial weights.

    Args:
        spec: as registered.
        config: the model's options.
        data: what one example is like.
        seed: seed of the initial weights.
        precision: the Keras dtype policy of its networks.

    Raises:
        DataError: when the model cannot take the data.
        CapabilityError: when the model does not work in that precision.
        PluginError: when what the plugin built is no `GenerativeModel`.
        OutOfMemoryError: when its weights do not fit into memory.
    """
    if precision not in spec.precisions:
        raise CapabilityError(
            f"model {spec.name!r} does not work in {precision}; choose from {', '.join(spec.precisions)}."
        )
    factory = spec.factory()
    _require_factory(spec, factory)
    before = keras.config.dtype_policy()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    try:
        with author_errors(
            spec.name, "building it", "it takes (config, data, seed) and returns a tfgen.GenerativeModel"
        ):
            model = factory(config=config, data=data, seed=seed)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise OutOfMemoryError(
            f"out of memory while model {spec.name!r} was built: its weights need more than this machine or its device has; "
            "make it smaller."
        ) from error
    finally:
        keras.config.set_dtype_policy(before)
    if not isinstance(model, GenerativeModel):
        raise PluginError(f"model {spec.name!r}: its factory returned {type(model).__name__}, not a GenerativeModel.")
    if spec.sampling is not None:
        model.sampling = spec.sampling()
    check_signatures(model)
    check_density(model)
    return model


def _require_factory(spec: ModelSpec, factory: Callable[..., Any]) -> None:
    """Refuse a factory that cannot be called with config, data and seed.

    Raises:
        PluginError: names its arguments.
    """
    found = inspect.signature(factory)
    try:
        found.bind(config=None, data=None, seed=0)
    except TypeError as error:
        raise PluginError(
            f"model {spec.name!r}: it is built with (config, data, seed), and {getattr(factory, '__name__', factory)} "
            f"takes {found} ({error})."
        ) from error
