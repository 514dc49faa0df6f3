import hashlib

import numpy as np
import pytest

from tfgen.data.toy import load_checkerboard, load_two_gaussians

LOADERS = {"two_gaussians": load_two_gaussians, "checkerboard": load_checkerboard}
DIGESTS = {
    "two_gaussians": "993b7abb2072f249f43e9447178eab5eff6f912a5470a4f92ecb2777bbb8a771",
    "checkerboard": "96dd548763e5f0dbf79661f25edae168c673c43da1286e7dea31f5432542f442",
}
ENTROPY_CHECKERBOARD = np.log(32)


@pytest.fixture(params=sorted(LOADERS), scope="module")
def dataset(request):
    return LOADERS[request.param]()


def grid(low, high, n):
    """The centres of n x n cells, [n * n, 2], and the area of one."""
    centres = low + (np.arange(n) + 0.5) * (high - low) / n
    x, y = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1), ((high - low) / n) ** 2


def test_the_points_never_change(dataset):
    assert [len(split) for split in dataset.splits.values()] == [50_000, 10_000, 10_000]
    content = b"".join(split.x.tobytes() for split in dataset.splits.values())
    assert hashlib.sha256(content).hexdigest() == DIGESTS[dataset.name]


def test_no_point_is_in_two_splits(dataset):
    points = np.concatenate([split.x for split in dataset.splits.values()])
    assert len(np.unique(points, axis=0)) == len(points)


def test_the_density_integrates_to_one(dataset):
    points, area = grid(-8.0, 8.0, 800)
    assert np.exp(dataset.log_prob(points)).sum() * area == pytest.approx(1, abs=1e-6)


def test_the_density_agrees_with_a_histogram(dataset):
    n = 32
    points, area = grid(-4.0, 4.0, 8 * n)
    mass = (np.exp(dataset.log_prob(points)) * area).reshape(n, 8, n, 8).sum(axis=(1, 3))
    counts, _, _ = np.histogram2d(*dataset.train.x.T, bins=n, range=[[-4, 4], [-4, 4]])
    expected = mass * len(dataset.train)
    assert counts[expected == 0].sum() == 0
    usual = expected > 5
    chi_squared = ((counts - expected)[usual] ** 2 / expected[usual]).sum()
    assert chi_squared == pytest.approx(usual.sum(), abs=5 * np.sqrt(2 * usual.sum()))


def test_the_density_is_finite_at_every_example(dataset):
    for split in dataset.splits.values():
        log_prob = dataset.log_prob(split.x)
        assert log_prob.dtype == np.float64
        assert log_prob.shape == (len(split),)
        assert np.isfinite(log_prob).all()


def test_the_frame_holds_practically_all_points(dataset):
    low, high = dataset.spec.value_range
    assert ((dataset.train.x > low) & (dataset.train.x < high)).all(axis=1).mean() > 0.9999


def test_the_density_refuses_other_shapes(dataset):
    with pytest.raises(ValueError, match=r"expected points of shape \[n, 2\]; got \[2\]"):
        dataset.log_prob(np.zeros(2))


@pytest.mark.parametrize("weight", [0.05, 0.3, 0.9])
def test_uneven_gaussians_have_their_weight_and_their_density(weight):
    dataset = load_two_gaussians(weight)
    assert np.mean(dataset.train.labels == 0) == pytest.approx(weight, abs=0.01)
    points, area = grid(-8.0, 8.0, 400)
    mass = np.exp(dataset.log_prob(points)) * area
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    assert mass[points[:, 0] < 0].sum() == pytest.approx(np.mean(dataset.train.x[:, 0] < 0), abs=0.01)


@pytest.mark.parametrize("squares", [2, 5, 13, 18, 25, 32])
def test_boards_of_other_sizes(squares):
    dataset = load_checkerboard(squares)
    side = int(dataset.spec.value_range[1])
    for split in dataset.splits.values():
        np.testing.assert_allclose(dataset.log_prob(split.x), -np.log(4 * squares))
    centres, area = grid(-float(side), float(side), side)
    density = np.exp(dataset.log_prob(centres))
    assert (np.count_nonzero(density), area) == (squares, 4)
    assert (density * area).sum() == pytest.approx(1)
    counts, _, _ = np.histogram2d(*dataset.train.x.T, bins=side, range=[[-side, side]] * 2)
    np.testing.assert_allclose(counts[counts > 0], 50_000 / squares, rtol=0.12)
    assert np.count_nonzero(counts) == squares


def test_a_board_that_is_named_by_its_squares_is_the_usual_one():
    assert load_checkerboard(8).name == "checkerboard"
    assert np.array_equal(load_checkerboard(8).train.x, load_checkerboard().train.x)


def test_the_label_is_the_gaussian():
    train = load_two_gaussians().train
    for label, centre in enumerate([-2.0, 2.0]):
        points = train.x[train.labels == label].astype(np.float64)
        assert len(points) == pytest.approx(25_000, abs=500)
        np.testing.assert_allclose(points.mean(axis=0), [centre, 0], atol=0.02)
        np.testing.assert_allclose(np.cov(points.T), 0.75**2 * np.eye(2), atol=0.02)


def test_the_checkerboard_has_eight_dark_squares():
    centres, _ = grid(-4.0, 4.0, 4)
    density = np.exp(load_checkerboard().log_prob(centres)).reshape(4, 4)
    np.testing.assert_allclose(density, np.where(np.add.outer(range(4), range(4)) % 2 == 0, 1 / 32, 0))


def test_the_checkerboard_ends_at_its_border():
    log_prob = load_checkerboard().log_prob(np.array([[-4.0, -4.0], [-4.001, -3.0], [3.999, 3.999], [4.0, 4.0]]))
    np.testing.assert_allclose(log_prob, [-ENTROPY_CHECKERBOARD, -np.inf, -ENTROPY_CHECKERBOARD, -np.inf])
