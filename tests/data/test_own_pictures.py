"""Folders of pictures: every format and mode, turned upright, resized; broken ones are named."""

from __future__ import annotations

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from tfgen.data.own.picture_file import read_picture
from tfgen.data.own.pictures import read_pictures
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

GREY = np.add.outer(np.arange(6), np.arange(8)).astype(np.uint8) * 16


def one(folder, **options):
    """The only picture in a folder."""
    raw = read_pictures(folder, DataOptions(**options))
    assert not raw.labels
    return raw.examples[None][0]


@pytest.mark.parametrize("ending", ["png", "webp", "bmp", "gif", "tiff"])
def test_formats_without_loss(ending, tmp_path):
    options = {"lossless": True} if ending == "webp" else {}
    Image.fromarray(GREY).save(tmp_path / f"a.{ending.upper()}", format=ending, **options)
    np.testing.assert_array_equal(one(tmp_path), GREY[..., None])


def test_jpeg(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpeg", quality=95)
    assert np.abs(one(tmp_path).astype(int) - GREY[..., None]).max() < 8


def test_the_first_frame_of_a_gif_is_taken(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(one(tmp_path), GREY[..., None])


def test_modes(tmp_path):
    colour = np.stack([GREY, 255 - GREY, np.full_like(GREY, 7)], axis=-1)
    cases = {
        "RGB": (Image.fromarray(colour), colour),
        "1": (Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0)[..., None]),
        "I;16": (Image.fromarray(GREY.astype(np.uint16) * 257), GREY[..., None]),
        "P": (Image.fromarray(colour).quantize(200), None),
        "CMYK": (Image.fromarray(colour).convert("CMYK"), colour),
        "clear": (Image.fromarray(np.dstack([colour, np.zeros_like(GREY)])), np.full((6, 8, 1), 255)),
        "opaque": (Image.fromarray(np.dstack([colour, np.full_like(GREY, 255)])), colour),
        "LA": (Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (8, 6), 255)]), GREY[..., None]),
    }
    for name, (picture, expected) in cases.items():
        folder = tmp_path / name.replace(";", "")
        folder.mkdir()
        picture.save(folder / ("a.tiff" if name == "CMYK" else "a.png"))
        found = one(folder)
        if expected is None:
            assert np.abs(found.astype(int) - colour).max() < 40
        else:
            np.testing.assert_array_equal(found, expected, name)
    np.testing.assert_array_equal(
        one(tmp_path / "RGB", colour="grey")[..., 0], np.asarray(cases["RGB"][0].convert("L"))
    )
    assert one(tmp_path / "LA", colour="rgb").shape == (6, 8, 3)


@pytest.mark.parametrize("ending", ["png", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation, ending, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if ending == "webp" else {"quality": 95} if ending == "jpeg" else {}
    Image.fromarray(GREY).save(tmp_path / f"a.{ending}", exif=exif, **options)
    turns = [
        GREY,
        GREY[:, ::-1],
        GREY[::-1, ::-1],
        GREY[::-1],
        GREY.T,
        np.rot90(GREY, -1),
        GREY[::-1, ::-1].T,
        np.rot90(GREY),
    ]
    expected = turns[orientation - 1]
    found = one(tmp_path)[..., 0]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (8 if ending == "jpeg" else 0)
    assert read_picture(tmp_path / f"a.{ending}", None, None, "crop").size == expected.shape


def test_a_tiff_of_16_bits_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY.astype(np.uint16) * 256).save(tmp_path / "a.tiff", exif=exif)
    np.testing.assert_array_equal(one(tmp_path)[..., 0], np.rot90(GREY, -1))


def test_the_upper_8_of_16_bits_are_kept_whatever_a_picture_holds(tmp_path):
    values = {0: 0, 255: 0, 256: 1, 65280: 255, 65535: 255}
    for ending in ("png", "tiff"):
        for value, expected in values.items():
            Image.fromarray(np.full((4, 4), value, np.uint16)).save(tmp_path / f"a.{ending}")
            assert one(tmp_path).max() == one(tmp_path).min() == expected
        (tmp_path / f"a.{ending}").unlink()


@pytest.mark.parametrize(
    ("value", "dtype", "says"),
    [
        (200.0, np.float32, r"floats lie in 0 \.\. 200, and are read from 0 to 1"),
        (-0.5, np.float32, r"floats lie in -0\.5 \.\. 0"),
        (np.nan, np.float32, "values that are not finite"),
        (np.inf, np.float32, "values that are not finite"),
        (300, np.int32, r"whole numbers of 32 bits lie in 0 \.\. 300, beyond 0 \.\. 255"),
        (-1, np.int32, r"lie in -1 \.\. 0, beyond"),
    ],
)
def test_the_scale_of_floats_and_32_bits_is_that_of_the_mode(value, dtype, says, tmp_path):
    Image.fromarray(np.full((4, 4), value, dtype)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=says):
        one(tmp_path)
    (tmp_path / "a.tiff").unlink()
    for number, level in enumerate((0.0, 0.2, 1.0)):  # dark ones as well
        Image.fromarray(np.full((4, 4), level, np.float32)).save(tmp_path / f"{number}.tiff")
        Image.fromarray(np.full((4, 4), int(255 * level), np.int32)).save(tmp_path / f"{number}i.tiff")
    found = read_pictures(tmp_path, DataOptions()).examples[None][:, 0, 0, 0]
    assert found.tolist() == [0, 0, 51, 51, 255, 255]


def test_resizing_keeps_the_proportions(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255  # a white square in the middle
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert one(tmp_path, size="10").min() == 255
    padded = one(tmp_path, size="30", fit="pad")[..., 0]
    assert padded.shape == (30, 30)
    assert padded[15, 15] == 255
    assert padded[:9].max() == 0
    assert one(tmp_path, size="4x6").shape == (4, 6, 1)


def test_pictures_may_be_larger_than_any_example(tmp_path):
    Image.new("L", (5000, 4000), 7).save(tmp_path / "large.png")
    assert one(tmp_path, size="4x5").min() == 7
    with pytest.raises(DataError, match=r"one example of shape \(4000, 5000, 1\) has more than 16,777,216 values"):
        read_pictures(tmp_path, DataOptions())


def test_sizes_that_differ_are_listed(tmp_path):
    for number, size in enumerate([(8, 6)] * 3 + [(5, 4)]):
        Image.new("L", size).save(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=r"2 sizes, height x width: 6x8 \(3\), 4x5 \(1\); give one with --size"):
        read_pictures(tmp_path, DataOptions())
    assert read_pictures(tmp_path, DataOptions(size="4")).examples[None].shape == (4, 4, 4, 1)


def test_broken_files_are_named_or_left_out(tmp_path):
    for number in range(3):
        Image.fromarray(GREY).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    noise = np.random.default_rng(0).integers(0, 256, GREY.shape).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:70])
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(
        DataError, match=r"bad\.png is no picture that can be read: it is damaged.*and 2 more of 6 pictures"
    ):
        read_pictures(tmp_path, DataOptions())
    raw = read_pictures(tmp_path, DataOptions(skip_broken=True))
    assert len(raw.examples[None]) == 3
    assert raw.notes == ["3 of 6 pictures cannot be read and were left out"]


def test_no_advice_is_given_that_would_leave_no_picture(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    for options in (DataOptions(), DataOptions(skip_broken=True)):
        with pytest.raises(
            DataError, match=r"a\.png is no picture .*, and 1 more of 2 .*; mend them: no picture is left"
        ):
            read_pictures(tmp_path, options)


def test_warnings_of_a_decoder_are_silent_whatever_thread_it_runs_on(tmp_path, monkeypatch):
    for number in range(8):
        Image.fromarray(GREY).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size - 1)  # Pillow warns of each
    monkeypatch.setattr("tfgen.data.own.pictures._SMALL", 0)
    before = list(warnings.filters)
    assert len(read_pictures(tmp_path, DataOptions()).examples[None]) == 8
    assert warnings.filters == before


def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(DataError, match="declares more than 170,000,000 pixels"):
        read_pictures(tmp_path, DataOptions(size="8"))


def test_folders_that_are_no_data_set(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        read_pictures(tmp_path, DataOptions())
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="among its 1 files"):
        read_pictures(tmp_path, DataOptions())
    (tmp_path / "cat").mkdir()
    Image.fromarray(GREY).save(tmp_path / "cat" / "a.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match="dog is a class without a picture"):
        read_pictures(tmp_path, DataOptions())
    Image.fromarray(GREY).save(tmp_path / "stray.png")
    with pytest.raises(DataError, match=r"holds pictures beside its 2 folders, such as stray\.png"):
        read_pictures(tmp_path, DataOptions())
