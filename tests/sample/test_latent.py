"""Latent spaces: origin and units, planes and directions, codes along them; which pictures a model can have; what they show."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import tensorflow_probability as tfp

from tests.slow import slow
from tests.toy_models import (
    ClassPriorPixels,
    ConditionalGaussian,
    ConditionalLinearGaussian,
    ConditionalPixels,
    Gaussian,
    GaussianConfig,
    LinearGaussian,
    Pixels,
    vectors,
)
from tfgen import DataSpec
from tfgen.cli.commands.latent import PictureName
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset, Split
from tfgen.errors import CapabilityError, DataError, OptionError, UnknownNameError
from tfgen.figures.grids import in_colour
from tfgen.figures.latent_catalogue import PICTURES, draw_pictures, possible_pictures, require_picture
from tfgen.figures.latent_sample import LatentSample
from tfgen.sample.latent import (
    LatentSpace,
    Whitening,
    active_dimensions,
    cloud_plane,
    grid_codes,
    normal_quantiles,
    plane_of,
    principal_components,
    project,
    traverse,
    whitening_of,
)

tfd = tfp.distributions
RANDOM = np.random.default_rng(0)
EVERYONE = ["reconstructions", "manifold", "codes", "traversals", "interpolations", "aggregate_posterior"]
CLASSES = ["classes", "one_code_all_classes", "style_transfer", "class_traversals"]


def images(classes: int | None = 3, n: int = 40, shape=(4, 4, 1)) -> Dataset:
    """Images of 17 grey levels, a little brighter from class to class."""

    def split(seed: int) -> Split:
        random = np.random.default_rng(seed)
        labels = np.arange(n, dtype=np.int32) % (classes or 1)
        x = np.clip(random.normal(6 + labels, 2, size=(*shape, n)).round(), 0, 16).astype(np.uint8)
        return Split(np.moveaxis(x, -1, 0), labels if classes else None)

    parts = {name: split(seed) for seed, name in enumerate(("train", "valid", "test"))}
    return Dataset("images", DataSpec("image", shape, classes, levels=17), parts)


def built(model, data):
    return model(GaussianConfig(), data.spec, 0)


def sized(model, latent):
    """Return a toy with codes of another size."""
    return type(f"{model.__name__}{latent}", (model,), {"latent": latent})


def with_prior(model, prior):
    return type("Other", (model,), {"prior": lambda self, labels=None: prior})


def draw(model, data, names, folder, seed=0):
    return {picture.name: picture for picture in draw_pictures(model, data, folder, names, seed)}


def table(figure, rows, columns, panel=0):
    """Return the images in a panel, [rows, columns, height, width], of one channel."""
    shown = np.asarray(figure.axes[panel].images[0].get_array())[..., 0]
    height, width = shown.shape[0] // rows, shown.shape[1] // columns
    return shown.reshape(rows, height, columns, width).swapaxes(1, 2)


def grey(x):
    return in_colour(np.asarray(x), 17)[..., 0]


# Frames, planes, directions


def test_quantiles_are_those_of_the_normal():
    expected = [NormalDist().inv_cdf((i + 0.5) / 20) for i in range(20)]
    np.testing.assert_allclose(normal_quantiles(20), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("prior", "standard"),
    [
        (tfd.Sample(tfd.Normal(0.0, 1.0), 3), True),
        (tfd.MultivariateNormalDiag([0.0, 0.0, 0.5]), False),
        (tfd.MultivariateNormalDiag([0.0, 0.0, 0.0], [1.0, 1.1, 1.0]), False),
        (tfd.Sample(tfd.StudentT(30.0, 0.0, 1.0), 3), False),
    ],
)
def test_a_standard_prior_is_known_by_its_density(prior, standard):
    space = LatentSpace(built(with_prior(Pixels, prior), images()))
    assert space.prior_is_standard is standard
    assert not space.prior_depends_on_label


def test_a_prior_of_each_class_is_known():
    space = LatentSpace(built(ClassPriorPixels, images()))
    assert space.prior_depends_on_label
    assert not space.prior_is_standard
    assert LatentSpace(built(ConditionalPixels, images())).prior_is_standard


def test_the_frame_is_that_of_the_prior_or_of_the_codes():
    codes, labels = 3 + 2 * RANDOM.normal(size=(90, 3)), np.repeat([0, 1], 45).astype(np.int32)
    codes[labels == 1] += 7
    standard = whitening_of(LatentSpace(built(Pixels, images())), codes)
    np.testing.assert_array_equal([standard.origin, standard.unit], [np.zeros((1, 3)), np.ones((1, 3))])
    assert standard.standard
    other = whitening_of(LatentSpace(built(with_prior(Pixels, tfd.MultivariateNormalDiag([5.0] * 3)), images())), codes)
    np.testing.assert_allclose([other.origin[0], other.unit[0]], [codes.mean(0), codes.std(0)])
    each = whitening_of(LatentSpace(built(ClassPriorPixels, images())), codes, labels)
    np.testing.assert_allclose(each.origin[:2], [codes[:45].mean(0), codes[45:].mean(0)])
    np.testing.assert_allclose(each.unit[2], codes.std(0))  # of a class without examples
    np.testing.assert_allclose(each.offsets(codes, labels)[50], codes[50] - codes[45:].mean(0))


def test_codes_keep_their_position_under_another_label():
    whitening = Whitening(np.array([[0.0], [10.0]]), np.array([[1.0], [4.0]]), False)
    moved = whitening.to_label(np.array([[2.0], [6.0]]), np.array([0, 1], np.int32), np.array([1, 0], np.int32))
    np.testing.assert_allclose(moved, [[18.0], [-1.0]])
    same = Whitening(np.zeros((1, 1)), np.ones((1, 1)), True)
    assert same.to_label(np.array([[2.0]]), np.array([0], np.int32), np.array([1], np.int32)) == 2


def test_active_dimensions_are_those_of_the_greatest_variance():
    codes = RANDOM.normal(size=(500, 4)) * [0.1, 2.0, 0.0, 1.0]
    found = active_dimensions(Whitening(np.zeros((1, 4)), np.full((1, 4), 3.0), False), codes, most=3)
    assert found.names == ["$z_{2}$", "$z_{4}$", "$z_{1}$"]
    np.testing.assert_allclose(found.variances, codes.var(axis=0)[[1, 3, 0]])
    np.testing.assert_allclose(found.units, [[3, 3, 3]])


def test_principal_components_are_eigenvectors_of_the_covariance():
    codes = RANDOM.normal(size=(400, 3)) @ RANDOM.normal(size=(3, 3)) + [1, 2, 3]
    found = principal_components(Whitening(np.zeros((1, 3)), np.ones((1, 3)), True), codes)
    np.testing.assert_allclose(np.cov(codes.T) @ found.vectors.T, found.vectors.T * found.variances, atol=1e-9)
    np.testing.assert_allclose(found.units[0] ** 2, found.variances)
    np.testing.assert_allclose(found.origin[0], codes.mean(axis=0))
    assert found.share.sum() == pytest.approx(1)
    assert found.names == ["PC 1", "PC 2", "PC 3"]


def test_two_dimensions_are_their_own_plane_and_more_are_seen_along_two_components():
    whitening = Whitening(np.zeros((1, 2)), np.ones((1, 2)), True)
    codes = RANDOM.normal(size=(50, 2)) * [1, 5]  # the second varies most, and still is drawn upwards
    plane = plane_of(whitening, codes)
    grid = grid_codes(plane, normal_quantiles(20))
    assert (plane.names, grid.shape) == (["$z_{1}$", "$z_{2}$"], (20, 20, 2))
    end = NormalDist().inv_cdf(0.975)
    np.testing.assert_allclose(grid[[0, 0, -1], [0, -1, 0]], [[-end, end], [end, end], [-end, -end]])
    np.testing.assert_allclose(project(cloud_plane(codes), codes), codes)
    more = np.concatenate([codes, 0.1 * RANDOM.normal(size=(50, 1))], axis=1)
    plane = plane_of(Whitening(np.zeros((1, 3)), np.ones((1, 3)), True), more)
    flat = grid_codes(plane, normal_quantiles(4)).reshape(-1, 3) - more.mean(axis=0)
    np.testing.assert_allclose(flat @ plane.vectors.T @ plane.vectors, flat, atol=1e-12)
    np.testing.assert_allclose((flat @ plane.vectors.T).max(axis=0), NormalDist().inv_cdf(0.875) * plane.units[0])
    assert plane.components
    one = plane_of(Whitening(np.full((1, 1), 7.0), np.full((1, 1), 2.0), False), codes[:, :1])
    np.testing.assert_allclose(grid_codes(one, np.array([-1.0, 0, 1])), [[[5.0], [7.0], [9.0]]])


def test_a_traversal_moves_along_one_direction_alone():
    z = np.array([0.3, -2.0, 5.0])
    whitening = Whitening(np.full((1, 3), 10.0), np.array([[1.0, 2.0, 3.0]]), False)
    dimensions = active_dimensions(whitening, RANDOM.normal(size=(30, 3)) * [1, 2, 3])
    assert dimensions.names[1] == "$z_{2}$"
    np.testing.assert_allclose(
        traverse(z, dimensions, 1, np.array([-3.0, 0.0, 3.0])), [[0.3, 4, 5], [0.3, 10, 5], [0.3, 16, 5]]
    )
    components = principal_components(whitening, RANDOM.normal(size=(30, 3)))
    moved = traverse(z, components, 0, np.array([-3.0, 3.0]))
    along = (moved - components.origin[0]) @ components.vectors.T
    np.testing.assert_allclose(along[:, 0], [-3 * components.units[0, 0], 3 * components.units[0, 0]])
    np.testing.assert_allclose(along[:, 1:], [(z - components.origin[0]) @ components.vectors[1:].T] * 2)


# Codes of a model


def test_no_more_than_a_batch_is_at_work_and_its_size_changes_nothing():
    data, sizes = images(), []

    class Watched(ConditionalPixels):
        def encode(self, x, labels=None, seed=0):
            sizes.append(len(x))
            return super().encode(x, labels, seed)

        def decode(self, z, labels=None, seed=0):
            sizes.append(len(z))
            return super().decode(z, labels, seed)

    model, test = built(Watched, data), data.test
    small, large = LatentSpace(model, batch_size=7), LatentSpace(model)
    codes = small.encode(test.x, test.labels)
    np.testing.assert_allclose(codes, large.encode(test.x, test.labels), rtol=1e-5)
    np.testing.assert_array_equal(small.decode(codes, test.labels), large.decode(codes, test.labels))
    assert sizes == [7] * 5 + [5, 40] + [7] * 5 + [5, 40]
    with pytest.raises(OptionError, match="--batch-size must be at least 1, got 0"):
        LatentSpace(model, batch_size=0)


def test_draws_are_those_of_the_posterior_and_of_the_prior():
    model, data = built(Pixels, images()), images()
    many = np.repeat(data.test.x[:1], 4000, axis=0)
    drawn, q = LatentSpace(model).posterior_samples(many), model.posterior(data.test.x[:1])
    np.testing.assert_allclose(drawn.mean(0), q.mean()[0], atol=0.05)
    np.testing.assert_allclose(drawn.std(0), q.stddev()[0], rtol=0.1)
    assert not np.array_equal(drawn[:500], drawn[500:1000])  # batches have noise of their own
    prior = LatentSpace(model).prior_samples(4000)
    np.testing.assert_allclose([prior.mean(0), prior.std(0)], [[0] * 3, [1] * 3], atol=0.06)
    np.testing.assert_array_equal(prior, LatentSpace(model).prior_samples(4000))
    assert not np.array_equal(prior, LatentSpace(model, seed=1).prior_samples(4000))


def test_the_noise_of_the_prior_is_the_same_under_every_label():
    space = LatentSpace(built(ClassPriorPixels, images()))
    first, second = (space.prior_samples(6, np.full(6, label, np.int32)) for label in (0, 2))
    np.testing.assert_allclose(second, 20 + 3 * first, rtol=1e-5)


# Which pictures there are


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (Pixels, images(), EVERYONE),
        (ConditionalPixels, images(), EVERYONE + CLASSES),
        (LinearGaussian, vectors(), ["codes", "aggregate_posterior"]),
        (ConditionalLinearGaussian, vectors(), ["codes", "aggregate_posterior"]),
        (ConditionalGaussian, vectors(), ["codes"]),
        (Gaussian, vectors(), []),
    ],
)
def test_a_model_has_the_pictures_that_it_can_have(model, data, expected):
    assert possible_pictures(built(model, data)) == expected


@pytest.mark.parametrize(
    ("name", "model", "data", "error", "says"),
    [
        (
            "codes",
            Gaussian,
            vectors(),
            CapabilityError,
            "Gaussian has no encoder into latent codes .HasLatents., which the picture",
        ),
        ("manifold", ConditionalGaussian, vectors(), CapabilityError, "no posterior over codes"),
        ("style_transfer", Pixels, images(), CapabilityError, "compares classes, and model Pixels is unconditional"),
        (
            "manifold",
            LinearGaussian,
            vectors(),
            DataError,
            "shows images, and the data are vectors; draw codes instead",
        ),
        ("manifolds", Pixels, images(), UnknownNameError, "unknown picture 'manifolds'; did you mean 'manifold'"),
    ],
)
def test_what_a_model_lacks_is_named(name, model, data, error, says, tmp_path):
    with pytest.raises(error, match=says):
        require_picture(name, built(model, data))
    with pytest.raises(error, match=says):
        draw(built(model, data), data, [name], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_knows_every_picture():
    assert list(PictureName.__args__) == list(PICTURES)
    assert [*EVERYONE, *CLASSES] == [name for name, picture in PICTURES.items() if picture.usual]


# What they show


def test_reconstructions_stand_below_their_images(drawn, tmp_path):
    data, model = images(), built(ConditionalPixels, images())
    draw(model, data, ["reconstructions"], tmp_path)
    sample = LatentSample(model, data)
    found = table(drawn[0], 4, 16)
    back = model.decode(model.encode(sample.x[:32], sample.labels[:32]), sample.labels[:32])
    np.testing.assert_array_equal(found[0::2].reshape(32, 4, 4), grey(sample.x[:32]))
    np.testing.assert_array_equal(found[1::2].reshape(32, 4, 4), grey(back))


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_the_manifold_is_a_grid_of_decoded_codes(latent, drawn, tmp_path):
    data, model = images(), built(sized(ConditionalPixels, latent), images())
    notes = draw(model, data, ["manifold"], tmp_path)["manifold"].notes
    panels = [axes for axes in drawn[0].axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["class 0", "class 1", "class 2"]
    sample = LatentSample(model, data)
    codes = grid_codes(plane_of(sample.whitening, sample.codes), normal_quantiles(20)).reshape(-1, latent)
    for label in range(3):
        expected = model.decode(codes.astype(np.float32), np.full(len(codes), label))
        shown = table(drawn[0], 1 if latent == 1 else 20, 20, label)
        np.testing.assert_array_equal(shown.reshape(-1, 4, 4), grey(expected))
    title = drawn[0].get_suptitle()
    if latent > 2:
        assert "the codes have 3 dimensions: drawn is the plane of their first two principal components" in notes[0]
        assert "3 dimensions: drawn is the plane" in title.replace("\n", " ")
        assert panels[0].get_xlabel() == "PC 1"
    else:
        assert notes == (["the codes have one dimension: drawn is a line of them"] if latent == 1 else [])
        assert [text.get_text() for text in panels[0].get_xticklabels()][::5] == ["-1.96", "1.96"]
        assert panels[0].get_xlabel() == "$z_{1}$"


@pytest.mark.parametrize(
    ("latent", "note"),
    [
        (1, "the codes have one dimension: drawn is a line of them"),
        (2, None),
        (3, "the codes have 3 dimensions: drawn is the plane of their first two principal components"),
    ],
)
def test_the_grid_goes_from_minus_3_to_3_in_equal_steps(latent, note, drawn, tmp_path):
    data, model = images(), built(sized(ConditionalPixels, latent), images())
    notes = draw(model, data, ["grid"], tmp_path)["grid"].notes
    sample = LatentSample(model, data)
    codes = grid_codes(plane_of(sample.whitening, sample.codes), np.arange(-3, 3.1, 0.25)).reshape(-1, latent)
    expected = model.decode(codes.astype(np.float32), np.zeros(len(codes), np.int32))
    np.testing.assert_array_equal(table(drawn[0], 1 if latent == 1 else 25, 25).reshape(-1, 4, 4), grey(expected))
    ticks = [text.get_text() for text in drawn[0].axes[0].get_xticklabels()]
    if note is None:
        assert not notes
        assert ticks == ["-3.00", "-2.00", "-1.00", "0.00", "1.00", "2.00", "3.00"]
        np.testing.assert_allclose(codes[[0, -1]], [[-3, 3], [3, -3]])
    else:
        assert note in notes[0]


@pytest.mark.parametrize("projection", ["tsne", slow("umap")])
def test_codes_by_projections_that_keep_neighbours(projection, drawn, tmp_path):
    data, model = images(), built(sized(ConditionalPixels, 3), images())
    notes = next(draw_pictures(model, data, tmp_path, ["codes"], projection=projection)).notes
    kind = {"tsne": "t-SNE", "umap": "UMAP"}[projection]
    assert notes == [
        f"the plane is {kind}'s: near codes stay together, the distance and the size of groups mean little"
    ]
    assert drawn[0].axes[0].get_xlabel() == f"{kind} 1"
    assert len(drawn[0].axes[0].collections[0].get_offsets()) == len(data.test)


def test_a_projection_of_another_name(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown projection 't-sne'; did you mean 'tsne'"):
        next(draw_pictures(built(Pixels, images()), images(), tmp_path, ["codes"], projection="t-sne"))


def test_the_grid_is_drawn_where_it_is_named():
    assert "grid" in PICTURES
    assert "grid" not in possible_pictures(built(sized(ConditionalPixels, 2), images()))


def test_a_prior_that_is_not_standard_is_said_and_taken_into_account(drawn, tmp_path):
    data, model = images(), built(sized(ClassPriorPixels, 2), images())
    notes = draw(model, data, ["manifold", "traversals", "style_transfer", "one_code_all_classes"], tmp_path)
    said = "the prior is not N(0, I): 0 is the mean of the test codes of each class, 1 their standard deviation"
    assert notes["manifold"].notes == [said]
    assert notes["traversals"].notes == [said]
    assert said[1:] in drawn[0].get_suptitle().replace("\n", " ")
    sample = LatentSample(model, data)
    own = sample.codes[sample.labels == 2]
    corner = (own.mean(0) + own.std(0) * [-1, 1] * NormalDist().inv_cdf(0.975)).astype(np.float32)
    np.testing.assert_array_equal(table(drawn[0], 20, 20, 2)[0, 0], grey(model.decode(corner[None], [2]))[0])
    assert "keep their position among those of the class" in notes["style_transfer"].notes[0]
    assert "a row is one draw of its noise" in notes["one_code_all_classes"].notes[0]


def test_components_within_classes_are_said_to_be_so(tmp_path):
    data = images()
    said = draw(built(ClassPriorPixels, data), data, ["manifold", "codes"], tmp_path)
    assert "two principal components around the mean of each class" in said["manifold"].notes[0]
    assert "each class" not in said["codes"].notes[0]


def test_codes_are_coloured_by_class(drawn, tmp_path):
    data, model = images(), built(sized(Pixels, 2), images())
    draw(model, data, ["codes"], tmp_path)
    axes, sample = drawn[0].axes[0], LatentSample(model, data)
    points, colours = axes.collections[0].get_offsets(), axes.collections[0].get_facecolors()
    which = {tuple(np.round(code, 5)): label for code, label in zip(sample.codes, sample.labels, strict=True)}
    seen = {(which[tuple(np.round(point, 5))], tuple(colour)) for point, colour in zip(points, colours, strict=True)}
    assert len(points) == 40
    assert len(seen) == 3  # a colour for each class
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1", "2"]


def test_traversals_show_the_source_and_go_from_minus_3_to_3(drawn, tmp_path):
    data, model = images(), built(Pixels, images())
    draw(model, data, ["traversals"], tmp_path)
    sample = LatentSample(model, data)
    around, zero = table(drawn[0], 3, 14), table(drawn[0], 3, 14, 1)
    order = sample.codes.var(axis=0).argmax()
    code = sample.codes[0].astype(np.float32).copy()
    code[order] = -3
    np.testing.assert_array_equal(around[0, :2], np.concatenate([grey(sample.x[:1]), grey(model.decode(code[None]))]))
    code = np.zeros(3, np.float32)
    code[order] = 3
    np.testing.assert_array_equal(zero[0, -1], grey(model.decode(code[None]))[0])
    assert drawn[0].axes[0].get_yticklabels()[0].get_text().startswith(f"$z_{{{order + 1}}}$")


def test_interpolations_join_different_classes(drawn, tmp_path):
    data, model = images(), built(ConditionalPixels, images())
    draw(model, data, ["interpolations"], tmp_path)
    heads = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    assert len(heads) == 8
    assert all(head[0] != head[-1] for head in heads)
    assert table(drawn[0], 8, 12).shape == (8, 12, 4, 4)


def test_the_aggregate_posterior_lies_over_the_prior(drawn, tmp_path):
    data, model = images(), built(sized(Pixels, 2), images())
    draw(model, data, ["aggregate_posterior"], tmp_path)
    prior, _, posterior, _ = drawn[0].axes[0].collections
    space, sample = LatentSpace(model), LatentSample(model, data)
    np.testing.assert_allclose(prior.get_offsets(), space.prior_samples(40))
    np.testing.assert_allclose(posterior.get_offsets(), space.posterior_samples(sample.x, sample.labels))


def test_pictures_of_classes_have_them_in_their_places(drawn, tmp_path):
    data, model = images(), built(ConditionalPixels, images())
    draw(model, data, CLASSES, tmp_path)
    samples, one_code, style, along = drawn
    brightness = table(samples, 3, 10).mean(axis=(1, 2, 3))
    assert (np.diff(brightness) > 30).all()  # classes are 4 of 17 grey levels apart
    codes = LatentSpace(model).prior_samples(10, np.zeros(10, np.int32)).astype(np.float32)
    sample = LatentSample(model, data)
    sources = [int(np.flatnonzero(sample.labels == label)[0]) for label in range(3)]
    transferred = table(style, 3, 4)
    np.testing.assert_array_equal(transferred[:, 0], grey(sample.x[sources]))
    for label in range(3):
        every = np.full(10, label)
        np.testing.assert_array_equal(table(one_code, 10, 3)[:, label], grey(model.decode(codes, every)))
        own = model.decode(sample.codes[sources].astype(np.float32), every[:3])
        np.testing.assert_array_equal(transferred[:, 1 + label], grey(own))
        zero = model.decode(np.zeros((1, 3), np.float32), [label])
        np.testing.assert_array_equal(table(along, 3, 13)[label, 6], grey(zero)[0])
    assert len(along.axes) == 2


def test_of_many_classes_the_first_are_drawn_and_it_is_said(drawn, tmp_path):
    data = images(classes=30, n=90)
    notes = draw(built(ConditionalPixels, data), data, ["codes", *CLASSES], tmp_path)
    assert {name: picture.notes[-1] for name, picture in notes.items() if name != "codes"} == dict.fromkeys(
        CLASSES, "the first 12 of 30 classes"
    )
    assert drawn[0].axes[0].get_legend().get_texts()[0].get_text() == "10 others"
    assert len(drawn[1].axes[0].get_yticks()) == 12


def test_data_without_labels_and_a_test_split_of_two(tmp_path):
    data = images(classes=None, n=2)
    assert list(draw(built(Pixels, data), data, None, tmp_path)) == EVERYONE
    lonely = images(n=1)
    with pytest.raises(DataError, match="need two test examples or more; data set 'images' has one"):
        draw(built(Pixels, lonely), lonely, None, tmp_path)


def test_vectors_have_clouds(drawn, tmp_path):
    data = vectors()
    for latent in (1, 2):
        assert len(draw(built(sized(LinearGaussian, latent), data), data, None, tmp_path)) == 2
    assert len(drawn) == 4


def test_the_same_seed_draws_the_same_pictures(tmp_path):
    data, model = images(), built(ConditionalPixels, images())
    names = ["reconstructions", "classes", "aggregate_posterior"]
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        draw(model, data, names, tmp_path / folder, seed)
    for name in names:
        a, b, c = ((tmp_path / folder / f"{name}.png").read_bytes() for folder in "abc")
        assert a == b
        assert a != c


# The command

PLUGIN = """
import tfgen
from tests.toy_models import Pixels, spec

@tfgen.hookimpl
def tfgen_register(registry):
    registry.add_model(spec(Pixels))
"""


@pytest.fixture
def say(capsys):
    """Return a function that runs `tfgen` and returns what it printed, once its exit code is found right."""

    def say(*arguments, code=0):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == code
        out, err = capsys.readouterr()
        return (err if code else out).strip()

    return say


def test_a_run_draws_what_fits_and_the_command_what_is_asked_for(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys.py").write_text(PLUGIN)
    plugin = ("-p", tmp_path / "toys.py")
    say(*plugin, "run", "pixels", "--epochs", 1, "--compile", "graph", "--name", "run", "--learning-rate", 1e-6)
    figures = tmp_path / "runs/run/figures"
    assert {f"{name}.png" for name in EVERYONE} <= {path.name for path in figures.iterdir()}
    said = say(*plugin, "latent", "runs/run", "--pictures", "codes", "manifold", "--out", "out")
    assert "note: manifold: the codes have 3 dimensions: drawn is the plane of their first two principal" in said
    assert said.endswith("pictures  out (codes.png, manifold.png)")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["codes.png", "manifold.png"]
    assert (tmp_path / "out/codes.png").read_bytes() == (figures / "codes.png").read_bytes()
    said = say(*plugin, "latent", "runs/run", "--pictures", "style_transfer", code=2)
    assert said.startswith("tfgen: the picture 'style_transfer' compares classes, and model Pixels is unconditional")


def test_a_flow_has_what_needs_no_posterior(say, tiny_run, tmp_path):
    assert not (tiny_run / "figures/codes.png").exists()
    said = say("latent", tiny_run, "--out", tmp_path / "out")
    assert said.endswith("(reconstructions.png, codes.png, traversals.png, interpolations.png)")
    assert "note: traversals: components of the test codes, around their mean" in said
    assert "no posterior over codes (HasPosterior), which the picture 'manifold' needs" in say(
        "latent", tiny_run, "--pictures", "manifold", code=2
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--pictures", "manifolds"], "invalid choice 'manifolds' for argument '--pictures'"),
        (["--pictures", "codes", "codes"], "--pictures names one twice: codes codes."),
        (["--seed", -1], "--seed must be 0 or more, got -1."),
        (["--out", "x.png"], "--out x.png: the pictures are several files; name a folder."),
        (["--picture", "codes"], "unknown option '--picture'; did you mean '--pictures'?"),
    ],
)
def test_mistakes(options, says, tiny_run, say):
    assert says in say("latent", tiny_run, *options, code=2)
