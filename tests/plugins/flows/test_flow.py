"""Flows as models: densities that integrate to 1, labels that count, codes, precision, masks that are saved."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.covariance import ledoit_wolf

import tfgen
from tests.plugins.flows.small_flows import PLANE, SPACE, TINY, labels_of, points, small_flow
from tests.slow import slow
from tfgen import DataSpec, TfgenError, dequantise, logit_squeeze, quantise
from tfgen.errors import DataError, OptionError
from tfgen.model.objective import Batch, Context
from tfgen_plugins.flows import model as flow_model
from tfgen_plugins.flows.masks import binary_mask

MODELS = ("realnvp", "nice", "spline_flow", "conditional_realnvp")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    levels=st.sampled_from([2, 17, 256]),
    alpha=st.sampled_from([1e-6, 1e-3, 0.05]),
    fraction=st.floats(0.0, 1.0, exclude_max=True),
)
def test_logit_squeeze_is_the_published_formula_with_its_derivative(levels, alpha, fraction):
    y = tf.constant([levels * fraction], tf.float64)
    bijector = logit_squeeze(levels, alpha, tf.float64)
    s = alpha + (1 - 2 * alpha) * float(y[0]) / levels
    np.testing.assert_allclose(bijector.inverse(y), [math.log(s) - math.log1p(-s)], rtol=1e-9, atol=1e-9)
    derivative = (1 - 2 * alpha) / levels * (1 / s + 1 / (1 - s))
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(tf.identity(y), 0), [math.log(derivative)], rtol=1e-9)
    back = bijector.forward(tf.identity(bijector.inverse(tf.identity(y))))
    np.testing.assert_allclose(back, y, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_codes_of_images_decode_to_the_same_images(model):
    flow = small_flow(model, DataSpec("image", (8, 8, 1), classes=3), policy="float32", moved=0.05)
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
    labels = labels_of(flow, 32)
    decoded = flow.decode(flow.encode(images, labels, seed=3), labels).numpy()
    assert np.abs(decoded.astype(int) - images).max() <= 1  # float32 may cross a cell's border
    assert np.mean(decoded == images) > 0.999


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("coupling", ["affine", "spline"])
def test_float32_round_trips_real_mnist_to_a_thousandth_of_a_pixel(prepared_data_dir, mnist_dir, coupling, network):
    from tfgen.data.tfds import load_tfds

    mnist = load_tfds("mnist", tfgen.DataSources(str(prepared_data_dir), str(mnist_dir)))
    small = {"layers": 5, "units": 64, "channels": 8, "moved": 0.02}
    flow = small_flow(
        "realnvp", mnist.spec, policy="float32", mask=("checkerboard",), coupling=coupling, network=network, **small
    )
    y = tf.reshape(dequantise(mnist.test.x[:64], 256, seed=0), [64, 784])
    bijector = flow.bijector()
    z = bijector.inverse(tf.identity(y))
    back = bijector.forward(tf.identity(z))
    assert np.abs(back - y).max() / 256 < 1e-3  # a pixel's unit is the range from black to white


@pytest.mark.parametrize("model", MODELS)
def test_a_plane_density_integrates_to_one(model):
    flow = small_flow(model, PLANE)
    ticks = np.linspace(-40, 40, 801)
    grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    labels = np.full(len(grid), 1) if flow.conditional else None
    density = np.exp(flow.log_prob(grid, labels).numpy())
    assert density.sum() * (ticks[1] - ticks[0]) ** 2 == pytest.approx(1.0, abs=4e-3)


def test_an_image_density_integrates_to_one_over_grey_levels():
    flow = small_flow("realnvp", DataSpec("image", (1, 2, 1), levels=4), alpha=0.05)
    ticks = (np.arange(800) + 0.5) / 200
    grid = tf.constant(np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2))
    density = np.exp(flow.distribution().log_prob(grid).numpy())
    total = density.mean() * 16  # the margin beyond [0, levels] holds the little that is missing
    outside = flow.distribution().sample(20000, seed=[0, 1]).numpy()
    inside = np.mean(np.all((outside >= 0) & (outside <= 4), axis=1))
    assert total == pytest.approx(inside, abs=0.01)


@pytest.mark.parametrize("model", MODELS)
def test_log_prob_does_not_come_from_the_bijectors_cache(model):
    flow = small_flow(model, PLANE)
    labels = labels_of(flow, 16)
    x = flow.sample(16, labels, seed=0)
    before = flow.log_prob(x, labels).numpy()
    np.testing.assert_allclose(flow.log_prob(tf.identity(x), labels), before, rtol=1e-12)
    weight = flow.couplings[0].conditioner.head.bias
    weight.assign(weight + 0.5)
    assert np.all(np.abs(flow.log_prob(x, labels).numpy() - before) > 1e-9)


@pytest.mark.parametrize(
    ("model", "options"),
    [(model, {}) for model in MODELS] + [("realnvp", {"network": "conv"}), ("spline_flow", {"mask": ("random",)})],
)
def test_every_weight_gets_a_gradient_that_is_not_zero(model, options):
    flow = small_flow(model, TINY, **options)
    images = np.random.default_rng(0).integers(0, 17, (64, *TINY.shape), dtype=np.uint8)
    batch = Batch(tf.constant(images), labels_of(flow, 64))
    with tf.GradientTape() as tape:
        loss = flow.objectives()[0].loss(batch, tf.constant([0, 1]), Context.at(0))["loss"]
    gradients = tape.gradient(loss, [weight.value for weight in flow.trainable_variables])
    for weight, gradient in zip(flow.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.any(np.abs(gradient) > 0), weight.path


@pytest.mark.parametrize("given", [False, True])
def test_bits_per_dim_is_the_log_probability_over_dimensions(given):
    flow = small_flow("conditional_realnvp" if given else "realnvp", TINY)
    images, labels = tf.constant(np.zeros((4, *TINY.shape), np.uint8)), labels_of(flow, 4)
    terms = flow.objectives()[0].loss(Batch(images, labels), tf.constant([0, 1]), Context.at(0))
    nats = -float(tf.reduce_mean(flow.log_prob(images, labels, seed=tf.constant([0, 1]))))
    suffix = "_given_label" if given else ""
    assert float(terms[f"nll_nats{suffix}"]) == pytest.approx(nats)
    assert float(terms[f"bits_per_dim{suffix}"]) == pytest.approx(nats / (8 * math.log(2)))


def test_the_bound_of_a_uniform_model_is_the_log_of_the_number_of_images():
    """A flow that maps the logistic to itself gives density 1 / levels: bits/dim is log2(levels), whatever the image."""
    levels, alpha = 256, 1e-6
    y = dequantise(np.arange(256, dtype=np.uint8).reshape(-1, 1), levels, seed=0, dtype=tf.float64)
    bijector = logit_squeeze(levels, alpha, tf.float64)
    t = bijector.inverse(tf.identity(y))
    logistic = -t - 2 * tf.math.softplus(-t)
    density = tf.squeeze(logistic + bijector.inverse_log_det_jacobian(tf.identity(y), 0))
    np.testing.assert_allclose(-density / math.log(2), 8.0, atol=1e-4)


def test_dequantised_values_stay_in_their_cells():
    images = np.full((1000, 1000), 255, np.uint8)
    y = dequantise(images, 256, seed=0).numpy()
    assert y.max() < 256
    assert y.min() >= 255
    np.testing.assert_array_equal(quantise(tf.constant(y), 256), images)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_densities_stay_in_float32_under_mixed_precision(policy, model):
    flow = small_flow(model, TINY, policy=policy, moved=0.1)
    images, labels = np.zeros((4, *TINY.shape), np.uint8), labels_of(flow, 4)
    assert flow.couplings[0].conditioner.hidden[0].compute_dtype == policy.removeprefix("mixed_")
    assert flow.log_prob(images, labels).dtype == tf.float32
    codes = flow.encode(images, labels, seed=1)
    assert np.abs(flow.decode(codes, labels).numpy().astype(int) - images).max() <= 1


# Labels


@pytest.mark.parametrize(
    ("coupling", "network"),
    [
        ("affine", "mlp"), slow("affine", "conv"), slow("additive", "mlp"), slow("additive", "conv"), slow("spline", "mlp"),
        ("spline", "conv"),
    ],
)  # fmt: skip
def test_the_label_changes_every_layer(coupling, network):
    """With only one layer's network left listening, another label still changes the density of every example."""
    flow = small_flow("conditional_realnvp", TINY, coupling=coupling, network=network)
    parts = [part.conditioner for part in flow.couplings]
    kernels = [(part.hidden[0] if network == "mlp" else part.stem).kernel for part in parts]
    hearing = [kernel.numpy() for kernel in kernels]
    images = np.random.default_rng(0).integers(0, 17, (6, *TINY.shape), dtype=np.uint8)
    for listening in range(4):
        for layer, (kernel, value) in enumerate(zip(kernels, hearing, strict=True)):
            deaf = value.copy()
            deaf[..., -3:, :] = 0  # the condition is what comes last
            kernel.assign(value if layer == listening else deaf)
        zero, one, two = (flow.log_prob(images, np.full(6, label), seed=1).numpy() for label in range(3))
        for these, others in ((zero, one), (zero, two), (one, two)):
            assert np.all(these != others), f"layer {listening} does not listen"


def test_each_example_is_given_its_own_label():
    flow = small_flow("conditional_realnvp", TINY)
    images = np.random.default_rng(0).integers(0, 17, (3, *TINY.shape), dtype=np.uint8)
    together = flow.log_prob(images, [2, 0, 1], seed=1)
    for i, label in enumerate([2, 0, 1]):
        alone = flow.log_prob(images, np.full(3, label), seed=1)[i]
        np.testing.assert_allclose(together[i], alone, rtol=1e-12)


def test_a_conditional_distribution_has_one_component_for_each_label():
    flow = small_flow("conditional_realnvp", PLANE)
    distribution = flow.distribution(tf.constant([0, 1, 2]))
    assert distribution.sample(seed=[0, 1]).shape == (3, 2)
    drawn = distribution.sample(5, seed=[0, 1])
    assert drawn.shape == (5, 3, 2)
    again = flow.distribution(tf.constant([0, 1, 2])).log_prob(tf.identity(drawn))
    for label in range(3):
        np.testing.assert_allclose(again[:, label], flow.log_prob(drawn[:, label], np.full(5, label)), rtol=1e-9)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "needs a label for each example, 0 .. 2"),
        ([0, 1], "expected 4 labels"),
        ([0, 1, 2, 3], "must lie in 0 .. 2; got 3"),
        ([0, -1, 2, 1], "must lie in 0 .. 2; got -1"),
        ([[0], [1], [2], [0]], "must be integers of shape"),
        ([0.0, 1.0, 2.0, 0.0], "must be integers of shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    flow = small_flow("conditional_realnvp", TINY)
    images, codes = np.zeros((4, *TINY.shape), np.uint8), np.zeros((4, 8))
    for ask in (
        lambda: flow.log_prob(images, labels),
        lambda: flow.encode(images, labels),
        lambda: flow.decode(codes, labels),
        lambda: flow.sample(4, labels),
    ):
        with pytest.raises(DataError, match=message):
            ask()


def test_a_wrong_label_inside_a_compiled_function_gives_no_number():
    flow = small_flow("conditional_realnvp", TINY)
    values = tf.function(lambda labels: flow.log_prob(np.zeros((3, *TINY.shape), np.uint8), labels))(
        tf.constant([0, 3, -1])
    )
    assert np.isfinite(values[0])
    assert np.all(np.isnan(values[1:]))


@pytest.mark.parametrize("model", ["realnvp", "nice", "spline_flow"])
def test_an_unconditional_flow_refuses_labels(model):
    flow = small_flow(model, TINY)
    for ask in (lambda: flow.log_prob(np.zeros((1, *TINY.shape), np.uint8), [0]), lambda: flow.sample(1, [0])):
        with pytest.raises(DataError, match="takes no labels"):
            ask()


def test_a_conditional_flow_needs_data_with_labels():
    with pytest.raises(DataError, match="it is conditional, and this data set has no labels"):
        small_flow("conditional_realnvp", DataSpec("vector", (2,)))


# Masks


@pytest.mark.parametrize("kind", ["half", "checkerboard", "channel", "random"])
@pytest.mark.parametrize("shape", [(2, 2, 1), (4, 6, 1), (8, 8, 3)])
def test_pairs_of_layers_move_everything(kind, shape):
    data = DataSpec("image", shape)
    first, second = (binary_mask(kind, data, layer, seed=5) for layer in (0, 1))
    np.testing.assert_array_equal(first, ~second)
    assert first.sum() == data.dimensions // 2


def test_masks_are_what_they_are_called():
    data = DataSpec("image", (4, 4, 2))
    board = binary_mask("checkerboard", data, 0, 0).reshape(4, 4, 2)
    for i in range(4):
        for j in range(4):
            assert np.all(board[i, j] == ((i + j) % 2 == 0))
    # Squeezed 2x2 into 8 channels, the first half of the channels is what is kept (Dinh et al. 2017, figure 3, right).
    rows = binary_mask("channel", data, 0, 0).reshape(1, 4, 4, 2).astype(np.float32)
    squeezed = tf.nn.space_to_depth(rows, 2).numpy()
    assert np.all(squeezed[..., :4] == 1)
    assert np.all(squeezed[..., 4:] == 0)
    np.testing.assert_array_equal(binary_mask("half", data, 0, 0), np.arange(32) < 16)
    np.testing.assert_array_equal(binary_mask("checkerboard", SPACE, 0, 0), [1, 0, 1, 0, 1, 0, 1])


def test_random_masks_follow_the_seed_and_differ_from_pair_to_pair():
    data = DataSpec("image", (8, 8, 1))
    one = binary_mask("random", data, 0, seed=1)
    np.testing.assert_array_equal(one, binary_mask("random", data, 0, seed=1))
    for other in (binary_mask("random", data, 0, seed=2), binary_mask("random", data, 2, seed=1)):
        assert 8 < np.sum(one != other) < 56


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("mask", ["random", slow("checkerboard")])
def test_masks_are_saved_with_the_model(tmp_path, monkeypatch, mask):
    """The saved mask is what counts, not how one is drawn when the model is loaded."""
    run = tfgen.train(
        "realnvp", data="digits", runs_dir=tmp_path, name="run", quiet=True, mask=(mask,),
        epochs=1, units=8, layers=2, depth=1, compile="graph", seed=3,
    )  # fmt: skip
    x = run.data.test.x[:8]
    other = np.arange(64) % 4 < 2
    monkeypatch.setattr(flow_model, "binary_mask", lambda kind, data, layer, seed: other ^ (layer % 2 == 1))
    loaded = tfgen.load(run.folder)
    np.testing.assert_array_equal(loaded.model.log_prob(x, seed=0), run.model.log_prob(x, seed=0))
    saved = [part.partition.mask(tf.float32).numpy() for part in loaded.model.couplings]
    np.testing.assert_array_equal(saved[0], 1 - saved[1])
    np.testing.assert_array_equal(saved[0], binary_mask(mask, run.data.spec, 0, seed=3))


def test_every_weight_has_a_name_of_its_own():
    flow = small_flow("realnvp", TINY, mask=("random",))
    paths = [weight.path for weight in flow.weights]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("model", "data", "options", "error", "message"),
    [
        ("realnvp", DataSpec("vector", (1,)), {"network": "conv"}, DataError, "--network conv needs images"),
        ("realnvp", SPACE, {"network": "conv"}, DataError, "--network conv needs images"),
        ("realnvp", SPACE, {"mask": ("channel",)}, TfgenError, "images of even height and width"),
        (
            "realnvp",
            DataSpec("image", (7, 8, 1)),
            {"mask": ("channel",)},
            TfgenError,
            "images of even height and width",
        ),
        ("realnvp", DataSpec("image", (1, 1, 2)), {"mask": ("checkerboard",)}, TfgenError, "a mask of all ones"),
        ("realnvp", SPACE, {"mask": ()}, OptionError, "--mask must be at least one of"),
        ("realnvp", SPACE, {"mask": ("quarter",)}, OptionError, "mask"),
        ("spline_flow", SPACE, {"bins": 1}, OptionError, "--bins must be between 2"),
        ("spline_flow", SPACE, {"bound": 0.0}, OptionError, "--bound must be above 0"),
        ("realnvp", TINY, {"linear": "lu"}, DataError, "--linear lu is for vectors of two numbers or more"),
        ("realnvp", DataSpec("vector", (1,)), {"linear": "lu"}, DataError, "--linear lu is for vectors"),
        ("realnvp", SPACE, {"channels": 0}, OptionError, "--channels must be at least 1"),
    ],
)
def test_what_a_flow_cannot_be_is_refused_in_one_line(model, data, options, error, message):
    with pytest.raises(error, match=message) as caught:
        small_flow(model, data, **options)
    assert "\n" not in str(caught.value)


def test_linear_layers_begin_at_the_identity_and_are_learned():
    x = points(SPACE)
    with_them = small_flow("realnvp", SPACE, moved=0.0, linear="lu")
    without = small_flow("realnvp", SPACE, moved=0.0, linear="none")
    assert not without.linear
    np.testing.assert_array_equal(with_them.log_prob(x), without.log_prob(x))
    moved = small_flow("realnvp", SPACE, linear="lu")
    (first, second) = moved.linear  # one before each pair
    matrix = first.bijector().inverse(tf.eye(7, dtype=tf.float64)).numpy().T
    assert not np.allclose(matrix, np.tril(matrix))
    assert not np.allclose(matrix, np.triu(matrix))
    log_det = first.bijector().inverse_log_det_jacobian(x, event_ndims=1)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(matrix)[1])
    gradients = keras_gradients(moved, x)
    assert all(np.abs(gradients[id(layer.factors)]).max() > 0 for layer in (first, second))


@pytest.mark.parametrize("model", ["realnvp", "spline_flow", "conditional_realnvp"])
def test_a_flow_with_linear_layers_begins_at_the_gaussian_of_the_training_rows(model):
    data = DataSpec("vector", (3,), classes=2 if model.startswith("conditional") else None)
    mixing = np.array([[1.0, 0.0, 0.0], [-3.0, 0.1, 0.0], [0.5, 2.0, 1.5]])
    x = (np.random.default_rng(0).normal(size=(40, 3)) @ mixing.T).astype(np.float32)
    x -= x.mean(axis=0)
    labels = tf.zeros(40, tf.int32) if data.classes else None
    flow = small_flow(model, data, moved=0.0)
    flow.initialise(Batch(tf.constant(x), labels))
    expected = stats.multivariate_normal(np.zeros(3), ledoit_wolf(x)[0]).logpdf(x)
    np.testing.assert_allclose(flow.log_prob(x, labels), expected, rtol=1e-3)
    copies = np.stack([x[:, 0], x[:, 0], -x[:, 0]], axis=1)
    for unfit in (x[:1], x[:2], copies):  # all alike, fewer than dimensions, columns that are copies
        flow.initialise(Batch(tf.constant(unfit), None))
        assert np.isfinite(flow.log_prob(x, labels)).all()


@pytest.mark.parametrize(
    ("data", "layers"), [(SPACE, 2), (DataSpec("vector", (2,)), 2), (DataSpec("vector", (1,)), 0), (TINY, 0)]
)
def test_vectors_of_two_numbers_or_more_have_linear_layers_by_default(data, layers):
    assert len(small_flow("realnvp", data).linear) == layers


def test_couplings_in_the_plane_learn_from_independent_columns():
    """Without a rotation the gradient of every coupling vanishes, and the flow stays at the best Gaussian."""
    random = np.random.default_rng(0)
    left = np.where(random.uniform(size=20_000) < 0.3, -2.0, 2.0)
    x = np.stack([left + random.normal(0, 0.75, size=20_000), random.normal(size=20_000)], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    def steepest(**options):
        flow = small_flow("realnvp", DataSpec("vector", (2,)), moved=0.0, **options)
        flow.initialise(Batch(tf.constant(x), None))
        begins = flow.log_prob(x)
        found = keras_gradients(flow, tf.constant(x))
        steep = max(np.abs(found[id(weight)]).max() for layer in flow.couplings for weight in layer.trainable_weights)
        return steep, begins

    (turned, at_the_gaussian), (straight, the_same) = steepest(), steepest(linear="none")
    np.testing.assert_allclose(at_the_gaussian, the_same, atol=0.01)
    assert turned > 10 * straight


def keras_gradients(flow, x):
    """The gradient of the mean log-likelihood with respect to each weight."""
    values = [weight.value for weight in flow.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_mean(flow.log_prob(x))
    found = tape.gradient(loss, values)
    return {id(weight): gradient for weight, gradient in zip(flow.trainable_weights, found, strict=True)}
