"""The set of sprites: every combination of the factors once, no two pictures alike, factors that are those of the picture."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tfgen.data.sprites import ANGLES, CENTRES, SHAPES, SIZES, load_sprites, stamp

DIGEST = "06a85b3e29f18ea11c3945c534608f69bafbadb165cc68d3793405a11a68c32a"


@pytest.fixture(scope="module")
def sprites():
    return load_sprites()


def whole(sprites):
    x = np.concatenate([split.x for split in sprites.splits.values()])
    return x, np.concatenate([split.context for split in sprites.splits.values()])


def test_they_never_change(sprites):
    assert [len(split) for split in sprites.splits.values()] == [4608, 512, 1024]
    content = b"".join(split.x.tobytes() + split.context.tobytes() for split in sprites.splits.values())
    assert hashlib.sha256(content).hexdigest() == DIGEST


def test_every_combination_is_there_once_and_no_two_pictures_are_alike(sprites):
    x, factors = whole(sprites)
    assert len(np.unique(factors, axis=0)) == len(factors) == 3 * 4 * 8 * 8 * 8
    assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)


def test_the_factors_are_those_of_the_picture(sprites):
    x, factors = whole(sprites)
    grey = x[..., 0].astype(np.float64) / 255
    mass = grey.sum(axis=(1, 2))
    places = np.arange(32) + 0.5
    across, down = (grey.sum(axis=1) @ places / mass, grey.sum(axis=2) @ places / mass)
    round_ones = factors[:, 0] < 2  # the middle of a heart is not the middle of its mass
    np.testing.assert_allclose(across[round_ones], factors[round_ones, 3], atol=0.02)
    np.testing.assert_allclose(down[round_ones], factors[round_ones, 4], atol=0.02)
    area = {0: 4.0, 1: np.pi / 2}
    for shape, share in area.items():
        own = factors[:, 0] == shape
        np.testing.assert_allclose(mass[own], share * factors[own, 1] ** 2, rtol=0.03)
    np.testing.assert_array_equal(np.concatenate([split.labels for split in sprites.splits.values()]), factors[:, 0])


def test_angles_turn_the_shape():
    for shape in SHAPES:
        turned = [stamp(shape, 6.0, angle) for angle in ANGLES]
        assert len({each.tobytes() for each in turned}) == len(ANGLES)
    np.testing.assert_array_equal(stamp("heart", 5.0, 90.0), np.rot90(stamp("heart", 5.0, 0.0), -1))
    assert stamp("ellipse", 6.0, 0.0).max(axis=0).astype(bool).sum() == 12  # columns: 2 x 6 wide, half as high
    assert stamp("ellipse", 6.0, 0.0).max(axis=1).astype(bool).sum() == 6


def test_no_shape_is_cut_off():
    assert max(CENTRES) + max(SIZES) * np.sqrt(2) < 32
    assert min(CENTRES) - max(SIZES) * np.sqrt(2) > 0


def test_names_of_the_factors(sprites):
    assert [column.name for column in sprites.spec.context] == ["shape", "size", "angle", "x", "y"]
    assert sprites.spec.class_names == SHAPES
