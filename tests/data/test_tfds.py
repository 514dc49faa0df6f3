import gzip
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from tfgen.data import cache, download
from tfgen.data.spec import DataSpec
from tfgen.data.tfds import data_folder, load_tfds, plan_splits, published_rows
from tfgen.errors import DataError, UnknownNameError
from tfgen.plugin.specs import DataSources


@pytest.fixture(scope="session")
def tiny():
    """The module that registers tiny sets with tensorflow-datasets."""
    import tiny_sets

    return tiny_sets


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# Which rows become what


@pytest.mark.parametrize(
    ("sizes", "train", "valid", "test"),
    [
        ({"train": 60_000, "test": 10_000}, ("train", 0, 50_000), ("train", 50_000, 60_000), ("test", 0, 10_000)),
        ({"train": 12, "validation": 3, "test": 2}, ("train", 0, 12), ("validation", 0, 3), ("test", 0, 2)),
        ({"train": 600}, ("train", 0, 400), ("train", 400, 500), ("train", 500, 600)),
        ({"train": 600, "validation": 5}, ("train", 0, 500), ("validation", 0, 5), ("train", 500, 600)),
    ],
)
def test_split_plan(sizes, train, valid, test):
    assert plan_splits("set", sizes) == {"train": train, "valid": valid, "test": test}


def test_split_plan_needs_a_train_split_of_some_size():
    with pytest.raises(DataError, match="no 'train' split, only test"):
        plan_splits("set", {"test": 5})
    with pytest.raises(DataError, match="too small"):
        plan_splits("set", {"train": 5})


def test_published_rows_are_a_permutation():
    rows = published_rows("train", 1000)
    assert sorted(rows) == list(range(1000))
    assert list(rows[:3]) != [0, 1, 2]


def test_the_default_folder_is_that_of_tensorflow_datasets(monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert str(data_folder(DataSources())) == tfds.core.constants.get_default_data_dir()
    monkeypatch.setenv("TFDS_DATA_DIR", "/somewhere")
    assert str(data_folder(DataSources())) == "/somewhere" == tfds.core.constants.get_default_data_dir()
    assert str(data_folder(DataSources("/else"))) == "/else"


# Preparing


def test_a_set_is_prepared_once_and_read_back(tiny, tmp_path, capfd, monkeypatch):
    sources = DataSources(str(tmp_path))
    dataset = load_tfds("tiny_set", sources)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"preparing tiny_set in {tmp_path} (once; may take minutes) ..."]

    assert dataset.spec.shape == (4, 6, 3)
    assert dataset.spec.classes == 5
    assert [len(split) for split in dataset.splits.values()] == [50, 10, 7]
    keys = {tiny.picture(key).tobytes(): key for key in [*range(60), *range(2000, 2007)]}
    seen = []
    for split in dataset.splits.values():
        for image, label in zip(split.x, split.labels, strict=True):
            seen.append(keys[image.tobytes()])
            assert label == seen[-1] % 5
    assert sorted(seen) == sorted(keys.values())

    def fail(*arguments):
        raise AssertionError("tensorflow-datasets is not needed any more")

    monkeypatch.setattr("tfgen.data.tfds.open_builder", fail)
    again = load_tfds("tiny_set", sources)
    assert again.source == dataset.source
    for name, split in again.splits.items():
        assert isinstance(split.x, np.memmap)
        assert not split.x.flags.writeable
        np.testing.assert_array_equal(split.x, dataset.splits[name].x)
        np.testing.assert_array_equal(split.labels, dataset.splits[name].labels)
    assert [path.name for path in (tmp_path / "tfgen" / "tiny_set").iterdir()] == ["1.2.3"]


def test_validation_split_and_version(tiny, tmp_path):
    dataset = load_tfds("tiny_with_validation:1.2.3", DataSources(str(tmp_path)))
    assert [len(split) for split in dataset.splits.values()] == [12, 3, 2]
    assert load_tfds("tiny_with_validation", DataSources(str(tmp_path))).source == dataset.source


def test_a_set_without_labels(tiny, tmp_path):
    dataset = load_tfds("tiny_unlabelled", DataSources(str(tmp_path)))
    assert dataset.spec.classes is None
    assert [len(split) for split in dataset.splits.values()] == [8, 2, 2]
    assert all(split.labels is None for split in dataset.splits.values())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("tiny_of_any_size", "no fixed size"),
        ("tiny_deep", "uint16, not uint8"),
        ("tiny_text", "no feature 'image'"),
        ("tiny_half_labelled", "'test' has examples without a label"),
        ("tiny_broken", "the archive is broken"),
        ("tiny_by_hand", "pass --manual-dir DIR with the files. Fetch tiny.zip from its home page."),
        ("tiny_set:9.9.9", "9.9.9"),
    ],
)
def test_why_a_set_cannot_be_used(tiny, tmp_path, name, why):
    with pytest.raises(DataError) as error:
        load_tfds(name, DataSources(str(tmp_path)))
    assert why in one_line(error)
    assert not list(tmp_path.glob("tfgen/*/*"))


@pytest.mark.parametrize("name", ["mnits", "../mnist", "huggingface:mnist", "mnist/..", "mnist:3.*.*"])
def test_unknown_names(tmp_path, name):
    with pytest.raises(UnknownNameError) as error:
        load_tfds(name, DataSources(str(tmp_path)))
    assert "mnist" in error.value.known


def test_a_folder_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as error:
        load_tfds("tiny_set", DataSources(str(tmp_path / "file" / "folder")))
    assert f"cannot write to {tmp_path / 'file' / 'folder'}" in one_line(error)


# No network, files by hand


def test_offline_says_at_once_what_to_pass(tiny, tmp_path):
    begin = time.monotonic()
    with pytest.raises(DataError) as error:
        load_tfds("tiny_remote", DataSources(str(tmp_path)))
    assert time.monotonic() - begin < 10
    assert "127.0.0.1 cannot be reached; pass --manual-dir DIR, a folder with tiny.bin, or --data-dir" in one_line(
        error
    )


def test_offline_with_a_folder_that_lacks_a_file(tiny, tmp_path):
    (tmp_path / "manual").mkdir()
    with pytest.raises(DataError) as error:
        load_tfds("tiny_remote", DataSources(str(tmp_path), str(tmp_path / "manual")))
    assert f"{tmp_path / 'manual'} lacks tiny.bin" in one_line(error)


def test_offline_with_earlier_downloads_of_other_sets(tiny, tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "other.INFO").write_text("{}")
    begin = time.monotonic()
    with pytest.raises(DataError, match="cannot be reached"):
        load_tfds("tiny_remote", DataSources(str(tmp_path)))
    assert time.monotonic() - begin < 20


def test_files_by_hand(tiny, tmp_path):
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "tiny.bin").write_bytes(tiny.FILE_CONTENT)
    dataset = load_tfds("tiny_remote", DataSources(str(tmp_path), str(tmp_path / "manual")))
    assert len(dataset.train) == 50


@pytest.mark.parametrize(("content", "why"), [(b"tin", "3 bytes, not 4"), (b"tinY", "sha256 differs")])
def test_a_damaged_file_by_hand_is_named(tiny, tmp_path, content, why):
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "tiny.bin").write_bytes(content)
    with pytest.raises(DataError) as error:
        load_tfds("tiny_remote", DataSources(str(tmp_path), str(tmp_path / "manual")))
    assert str(tmp_path / "manual" / "tiny.bin") in one_line(error)
    assert why in str(error.value)


# Prepared folders


LAYOUT = cache.Layout("a test", DataSpec("image", (2, 3, 1), 4), {"train": 5, "valid": 2, "test": 1})


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "root" / "1.0.0"
    with cache.written(folder, LAYOUT) as splits:
        for split in splits.values():
            split.x[:] = 7
            split.labels[:] = 3
    return folder


def test_cache_round_trip(folder):
    dataset = cache.read(folder, "set")
    assert dataset.spec.shape == (2, 3, 1)
    assert dataset.spec.classes == 4
    assert dataset.source.startswith("a test, arrays ")
    assert (dataset.train.x == 7).all()
    assert (dataset.test.labels == 3).all()
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_cache_reports_every_kind_of_damage(folder):
    def truncate(path):
        path.write_bytes(path.read_bytes()[:-1])

    def flip(path):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)

    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for harm in [truncate, flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")]:
            harm(path)
            if path.name == cache.MANIFEST and path.exists() and path.read_bytes() in (content.rstrip(), content[:-1]):
                continue  # only the last line's end is gone
            with pytest.raises(DataError) as error:
                cache.read(folder, "set")
            assert str(path) in one_line(error)
            assert f"delete the folder {folder}" in str(error.value)
            path.write_bytes(content)


@pytest.mark.parametrize("manifest", [[], {}, {"shape": 3, "classes": 1, "files": []}, {"files": {"train-x.npy": 3}}])
def test_cache_refuses_a_strange_manifest(folder, manifest):
    (folder / cache.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest.json is damaged"):
        cache.read(folder, "set")


def test_cache_is_there_whole_or_not_at_all(tmp_path):
    def interrupted():
        with cache.written(tmp_path / "root" / "1.0.0", LAYOUT):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "root").iterdir()) == []


def test_cache_keeps_what_another_process_wrote_first(folder):
    before = cache.read(folder, "set").source
    with cache.written(folder, LAYOUT) as splits:
        splits["train"].x[:] = 1
    assert cache.read(folder, "set").source == before


def test_cache_does_not_write_over_a_damaged_folder(folder):
    (folder / cache.MANIFEST).unlink()
    with pytest.raises(DataError, match="delete the folder"), cache.written(folder, LAYOUT):
        pass


def test_cache_says_that_the_disk_is_too_small(tmp_path):
    huge = cache.Layout("a test", DataSpec("image", (4096, 4096, 1), None), {"train": 10**9, "valid": 1, "test": 1})
    with pytest.raises(DataError, match="make room"), cache.written(tmp_path / "1.0.0", huge):
        pass


def test_the_newest_version_wins(tmp_path):
    assert cache.newest(tmp_path / "nowhere") is None
    for version in ("1.9.0", "1.10.0", "byclass"):
        (tmp_path / version).mkdir()
        (tmp_path / version / cache.MANIFEST).write_text("{}")
    (tmp_path / "2.0.0").mkdir()
    assert cache.newest(tmp_path) == tmp_path / "1.10.0"


# MNIST itself


def idx(path):
    content = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def test_mnist_equals_the_official_files_in_their_order(prepared_data_dir, mnist_dir):
    dataset = load_tfds("mnist", DataSources(str(prepared_data_dir)))
    images, labels = idx(mnist_dir / "train-images-idx3-ubyte.gz"), idx(mnist_dir / "train-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(dataset.train.x[..., 0], images[:50_000])
    np.testing.assert_array_equal(dataset.train.labels, labels[:50_000])
    np.testing.assert_array_equal(dataset.valid.x[..., 0], images[50_000:])
    np.testing.assert_array_equal(dataset.valid.labels, labels[50_000:])
    np.testing.assert_array_equal(dataset.test.x[..., 0], idx(mnist_dir / "t10k-images-idx3-ubyte.gz"))
    np.testing.assert_array_equal(dataset.test.labels, idx(mnist_dir / "t10k-labels-idx1-ubyte.gz"))


def test_mnist_has_its_well_known_counts(prepared_data_dir):
    dataset = load_tfds("mnist", DataSources(str(prepared_data_dir)))
    both = np.concatenate([dataset.train.labels, dataset.valid.labels])
    assert np.bincount(both).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(dataset.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert dataset.spec.classes == 10
    assert dataset.spec.levels == 256


def test_prepared_mnist_needs_neither_tensorflow_nor_tensorflow_datasets(prepared_data_dir):
    code = (
        "import sys; from tfgen.data.tfds import load_tfds; from tfgen.plugin.specs import DataSources\n"
        f"load_tfds('mnist', DataSources({str(prepared_data_dir)!r}))\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_damaged_mnist_files_are_named(mnist_copy, tmp_path):
    path = mnist_copy / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError) as error:
        load_tfds("mnist", DataSources(str(tmp_path / "data"), str(mnist_copy)))
    assert f"{path} is not the file that mnist needs (it has 28,781 bytes, not 28,881)" in one_line(error)


def test_mnist_files_are_not_taken_for_fashion_mnist(mnist_dir, tmp_path):
    with pytest.raises(DataError, match="is not the file that fashion_mnist needs"):
        load_tfds("fashion_mnist", DataSources(str(tmp_path), str(mnist_dir)))


def test_offline_mnist_with_a_missing_file(mnist_copy, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_reachable", lambda url: False)
    (mnist_copy / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as error:
        load_tfds("mnist", DataSources(str(tmp_path / "data"), str(mnist_copy)))
    assert f"{mnist_copy} lacks t10k-labels-idx1-ubyte.gz; add them" in one_line(error)
