"""Each mistake of an author at the boundary of the core has one line that names the model, the method and what is wrong."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import Gaussian, GaussianConfig, vectors
from tfgen import Context, DataError, DataSpec, GenerativeModel, ModelSpec, Objective, PluginError, build_model
from tfgen.cli.main import main
from tfgen.model.boundary import METHODS
from tfgen.plugin.train_options import TrainOptions
from tfgen.sample.sampling import sample_batches
from tfgen.training.trainer import Trainer

IMAGES = DataSpec("image", (2, 2, 1), levels=17)
PLANE = DataSpec("vector", (2,))
HERE = rf"{__file__}:\d+"


class Pixels(GenerativeModel):
    """All pixels are 3."""

    density = "exact"

    def objectives(self):
        return []

    def log_prob(self, x, labels=None, seed=0):
        return tf.zeros(tf.shape(x)[:1])

    def sample(self, n, labels=None, seed=0, first=0):
        return tf.fill([n, 2, 2, 1], tf.constant(3, tf.uint8))


def made(data=IMAGES, base=Pixels, **methods):
    """A model with methods of its own, defined as an author would."""
    return type("Mine", (base,), methods)(GaussianConfig(), data, 0)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (
            lambda self, n, labels=None, seed=0, first=0: tf.zeros([n, 2, 2, 1]),
            r"sample must return uint8 \[5, 2, 2, 1\], got float32 \[5, 2, 2, 1\]",
        ),
        (
            lambda self, n, labels=None, seed=0, first=0: tf.zeros([n - 1, 2, 2, 1], tf.uint8),
            r"sample must return uint8 \[5, 2, 2, 1\], got uint8 \[4, 2, 2, 1\]",
        ),
        (
            lambda self, n, labels=None, seed=0, first=0: tf.zeros([n, 2, 2], tf.uint8),
            r"sample must return uint8 \[5, 2, 2, 1\], got uint8 \[5, 2, 2\]",
        ),
        (
            lambda self, n, labels=None, seed=0, first=0: tf.fill([n, 2, 2, 1], tf.constant(17, tf.uint8)),
            r"sample drew a grey level of 17, and the data have 0 \.\. 16",
        ),
    ],
)
def test_samples_that_are_no_examples(sample, says):
    with pytest.raises(PluginError, match=rf"^model Mine: {says} \({HERE}\)\.$"):
        list(sample_batches(made(sample=sample), 5, None, 0, 5))


def test_vectors_that_are_not_finite():
    def sample(self, n, labels=None, seed=0, first=0):
        return tf.fill([n, 2], np.float32(np.nan))

    with pytest.raises(PluginError, match="model Mine: sample drew vectors that are not finite"):
        list(sample_batches(made(PLANE, sample=sample), 5, None, 0, 5))


def test_every_method_that_gives_examples_is_checked():
    def decode(self, z, labels=None, seed=0):
        return z

    def inpaint(self, x, known_mask, labels=None, seed=0, particles=1):
        return tf.cast(x, tf.float32)

    model = made(decode=decode, inpaint=inpaint)
    with pytest.raises(PluginError, match=r"decode must return uint8 \[batch, 2, 2, 1\], got float32 \[5, 3\]"):
        model.decode(tf.zeros([5, 3]))
    with pytest.raises(PluginError, match="inpaint must return uint8"):
        model.inpaint(np.zeros((1, 2, 2, 1), np.uint8), np.ones((1, 2, 2), bool))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (tf.zeros([]), r"got float32 \[\]"),
        (tf.zeros([5, 1]), r"got float32 \[5, 1\]"),
        (tf.zeros([5], tf.float64), r"got float64 \[5\]"),
    ],
)
def test_densities_that_are_not_one_number_for_each_example(values, says):
    x = np.zeros((5, 2, 2, 1), np.uint8)
    model = made(
        log_prob=lambda self, x, labels=None, seed=0: values,
        elbo=lambda self, x, labels=None, seed=0, particles=1: values,
    )
    for name in ("log_prob", "elbo"):
        with pytest.raises(
            PluginError, match=rf"^model Mine: {name} must return float32 \[batch\], {says} \({HERE}\)\.$"
        ):
            getattr(model, name)(x)


@pytest.mark.parametrize("name", ["log_prob", "energy", "elbo"])
def test_numbers_that_are_not_as_many_as_the_examples(name):
    model = made(**{name: lambda self, x, labels=None, seed=0, particles=1: tf.zeros([3])})
    says = rf"^model Mine: {name} must return a number for each of 5 examples, got 3 \({HERE}\)\.$"
    with pytest.raises(PluginError, match=says):
        getattr(model, name)(np.zeros((5, 2, 2, 1), np.uint8))
    with pytest.raises(PluginError, match="each of 5"):
        tf.function(getattr(model, name), autograph=False)(tf.zeros([5, 2, 2, 1], tf.uint8))


@pytest.mark.parametrize(
    ("name", "found", "says"),
    [
        ("posterior", tf.zeros([5, 2]), "a distribution of TensorFlow Probability, got EagerTensor"),
        ("prior", None, "a distribution of TensorFlow Probability, got NoneType"),
        ("elbo_terms", tf.zeros([5]), r"a pair of tensors \[batch\], got EagerTensor"),
        ("elbo_terms", (tf.zeros([5]), tf.zeros([])), r"float32 \[batch\], got float32 \[\]"),
        ("objectives", Objective("a", lambda *_: {}, []), "a sequence of tfgen.Objective, got Objective"),
        ("objectives", [3], "a sequence of tfgen.Objective, got one with int"),
        ("objectives", None, "a sequence of tfgen.Objective, got NoneType"),
    ],
)
def test_other_results_of_another_kind(name, found, says):
    model = made(**{name: lambda self, *_, **__: found})
    arguments = [np.zeros((5, 2, 2, 1), np.uint8)] if name in ("posterior", "elbo_terms") else []
    with pytest.raises(PluginError, match=rf"^model Mine: {name} must return {says} \({HERE}\)\.$"):
        getattr(model, name)(*arguments)


@pytest.mark.parametrize(
    ("data", "x", "says"),
    [
        (
            IMAGES,
            np.zeros((3, 2, 2, 1), np.float32),
            r"images uint8 \[batch, 2, 2, 1\] with grey levels 0 \.\. 16; got float32",
        ),
        (IMAGES, np.zeros((3, 2, 2), np.uint8), r"got uint8 \[3, 2, 2\]"),
        (IMAGES, np.zeros((2, 2, 1), np.uint8), r"got uint8 \[2, 2, 1\]"),
        (IMAGES, np.full((3, 2, 2, 1), 255, np.uint8), "got a grey level of 255"),
        (IMAGES, tf.fill([3, 2, 2, 1], tf.constant(17, tf.uint8)), "got a grey level of 17"),
        (PLANE, np.zeros((3, 3), np.float32), r"vectors of floats \[batch, 2\]; got float32 \[3, 3\]"),
        (PLANE, np.zeros((3, 2), np.int32), "got int32"),
    ],
)
def test_inputs_are_checked_for_every_model(data, x, says):
    model = made(data)
    with pytest.raises(DataError, match=f"model Mine: log_prob takes .*{says}"):
        model.log_prob(x)
    with pytest.raises(DataError, match=says):
        model.log_prob(x=x)


def test_inputs_are_checked_in_a_graph_as_far_as_they_are_known():
    model = made()
    program = tf.function(lambda x: model.log_prob(x), autograph=False)
    with pytest.raises(DataError, match="got float32"):
        program(tf.zeros([3, 2, 2, 1]))
    unknown = tf.TensorSpec([None, None, None, None], tf.uint8)
    assert (
        tf.function(lambda x: model.log_prob(x), input_signature=[unknown])(tf.zeros([3, 2, 2, 1], tf.uint8)).shape == 3
    )


def test_an_exception_is_told_with_the_authors_file_and_line():
    def log_prob(self, x, labels=None, seed=0):
        return tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))

    def sample(self, n, labels=None, seed=0, first=0):
        raise ZeroDivisionError("nothing\nto divide")

    model = made(log_prob=log_prob, sample=sample)
    x = np.zeros((3, 2, 2, 1), np.uint8)
    with pytest.raises(
        PluginError, match=rf"model Mine: log_prob failed: InvalidArgumentError: .*\({HERE}\); it takes \(x,"
    ):
        model.log_prob(x)
    with pytest.raises(PluginError, match=rf"log_prob failed: ValueError: .*\({HERE}\)"):
        tf.function(model.log_prob, autograph=False)(tf.constant(x))
    with pytest.raises(
        PluginError, match=rf"sample failed: ZeroDivisionError: nothing \({HERE}\); it takes \(n,"
    ) as caught:
        model.sample(3)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "\n" not in str(caught.value)


def test_an_exception_within_a_layer_is_told_by_its_own_message():
    class Faulty(keras.layers.Layer):
        def call(self, x):
            raise ValueError("expected three columns")

    model = made(log_prob=lambda self, x, labels=None, seed=0: Faulty()(x))
    with pytest.raises(PluginError, match=rf"log_prob failed: ValueError: expected three columns \({HERE}\); it takes"):
        model.log_prob(np.zeros((3, 2, 2, 1), np.uint8))


def test_mistakes_of_tfgen_itself_pass():
    def log_prob(self, x, labels=None, seed=0):
        raise DataError("the model's own word")

    with pytest.raises(DataError, match=r"^the model's own word$"):
        made(log_prob=log_prob).log_prob(np.zeros((3, 2, 2, 1), np.uint8))


def test_an_exception_in_a_loss():
    class Faulty(Gaussian):
        def _loss(self, batch, seed, context):
            return {"loss": self.nothing}

    with pytest.raises(
        PluginError, match=rf"model Faulty: the loss of objective 'nll' failed: AttributeError: .*\({HERE}\)"
    ):
        Trainer(Faulty(GaussianConfig(), vectors().spec, 0), vectors(), TrainOptions(batch_size=16))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_each_method_has_to_be_callable_as_the_core_calls_it(name):
    def wrong(self, a, b, c, d, e, f):
        return a

    with pytest.raises(
        PluginError, match=rf"model Mine: {name} must take .*, and it is defined with \(a, b, c, d, e, f\)"
    ):
        build_model(spec_of(type("Mine", (Pixels,), {name: wrong})), GaussianConfig(), IMAGES, 0)


def spec_of(model):
    return ModelSpec("mine", GaussianConfig, model, "Mine.")


def test_building_it():
    class Forgetful(Pixels):
        def __init__(self, config, data):
            super().__init__(config, data, 0)

    class Broken(Pixels):
        def __init__(self, config, data, seed):
            super().__init__(config, data, seed)
            self.layer = undefined  # noqa: F821

    with pytest.raises(
        PluginError, match=r"model 'mine': it is built with \(config, data, seed\), and Forgetful takes"
    ):
        build_model(spec_of(Forgetful), GaussianConfig(), IMAGES, 0)
    with pytest.raises(PluginError, match=rf"model mine: building it failed: NameError: .*\({HERE}\)"):
        build_model(spec_of(Broken), GaussianConfig(), IMAGES, 0)


def test_labels_of_a_number_that_a_graph_finds_at_run_time():
    class Labelled(Pixels):
        conditional = True

        def log_prob(self, x, labels=None, seed=0):
            return tf.reduce_sum(self.one_hot(labels, tf.shape(x)[0]), axis=1)

    model = Labelled(GaussianConfig(), DataSpec("image", (2, 2, 1), classes=2, levels=17), 0)
    program = tf.function(model.log_prob, autograph=False)
    np.testing.assert_array_equal(program(tf.zeros([3, 2, 2, 1], tf.uint8), tf.constant([0, 1, 1])), 1)
    with pytest.raises(DataError, match="expected 3 labels"):
        model.log_prob(np.zeros((3, 2, 2, 1), np.uint8), np.array([0]))


def test_on_the_command_line_it_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(
        "import tensorflow as tf\n"
        "from tests.toy_models import Gaussian, spec, vectors\n"
        "from tfgen import DatasetSpec, hookimpl\n"
        "class Short(Gaussian):\n"
        "    def sample(self, n, labels=None, seed=0, first=0):\n"
        "        return super().sample(n - 1, labels, seed, first)\n"
        "@hookimpl\n"
        "def tfgen_register(registry):\n"
        "    registry.add_model(spec(Short))\n"
        "    registry.add_dataset(DatasetSpec('vectors', lambda sources: vectors(), 'Vectors.'))\n"
    )
    monkeypatch.chdir(tmp_path)
    options = ["--data", "vectors", "--epochs", "1", "--batch-size", "16", "--compile", "graph"]
    assert main(["-p", "mine.py", "run", "short", *options]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("tfgen: model Short: sample must return float32 [2, 2], got float32 [1, 2] (")
    assert "mine.py:5" in err


def test_a_loss_gets_its_context():
    contexts: list[Context] = []
    epochs: list[dict[str, float]] = []

    class Curious(Gaussian):
        def objectives(self):
            return [Objective("nll", self.watched, self.trainable_variables)]

        def watched(self, batch, seed, context):
            contexts.append(context)
            return self._loss(batch, seed, context) | {"epoch": context.epoch}

    trainer = Trainer(Curious(GaussianConfig(), vectors().spec, 0), vectors(), TrainOptions(batch_size=16, epochs=2))
    trainer.fit(None, "graph", lambda *_: None, lambda step, metrics: epochs.append(metrics), quiet=True)
    assert {context.training for context in contexts} == {True, False}
    assert epochs[-1]["valid/epoch"] == 2.0  # validation is at the end of training
    assert 1.0 < epochs[-1]["train/epoch"] < 2.0
    assert float(Context.at(6, steps_per_epoch=4).epoch) == 1.5


@pytest.mark.parametrize(
    ("density", "says"),
    [
        (None, "model Mine has log_prob and does not say of what kind its density is; set the attribute density"),
        ("Exact", "model Mine: density must be one of 'exact', 'bound', 'dequantised'; got 'Exact'"),
    ],
)
def test_a_density_says_of_what_kind_it_is(density, says):
    mine = type("Mine", (Pixels,), {"density": density})
    with pytest.raises(PluginError, match=says):
        build_model(ModelSpec("mine", GaussianConfig, mine, "Mine."), GaussianConfig(), IMAGES, 0)


def test_a_density_computed_by_numpy_is_refused():
    model = made(log_prob=lambda self, x, labels=None, seed=0: np.zeros(5, np.float32))
    with pytest.raises(PluginError, match="must return a tensor, of which TensorFlow knows the gradient, got ndarray"):
        model.log_prob(np.zeros((5, 2, 2, 1), np.uint8))
