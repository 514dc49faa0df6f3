"""Feature networks: a classifier that is trained once and kept, the values, and Inception where its weights are."""

import dataclasses

import numpy as np
import pytest

from tests.toy_models import vectors
from tfgen.data.digits import load_digits
from tfgen.data.lookup import load_dataset
from tfgen.errors import DataError, OutputError, UnknownNameError
from tfgen.evaluate import classifier as classifiers
from tfgen.evaluate import features as module
from tfgen.evaluate.classifier import ClassifierConfig, build_classifier, load_weights, save_weights
from tfgen.evaluate.features import INCEPTION_FILE, default_network, feature_network
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import DataSources


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture
def trained(monkeypatch):
    """How often a classifier was trained; for a few steps only."""
    counts = []
    original = module.train_classifier
    monkeypatch.setattr(classifiers, "_STEPS", 20)
    monkeypatch.setattr(module, "train_classifier", lambda *a: (counts.append(1), original(*a)))
    return counts


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_classifier_is_trained_once_and_kept(digits, trained, tmp_path, capsys):
    sources = DataSources(str(tmp_path))
    first = feature_network("classifier", digits, sources, quiet=False)
    said = capsys.readouterr().err
    assert "training a classifier of digits" in said
    assert f"network  {first.name}, 128 features, " in said
    assert " % right on 300 test examples" in said
    [path] = files(tmp_path)
    again = feature_network("classifier", digits, sources)
    assert len(trained) == 1
    assert again.name == first.name
    x = digits.test.x[:50]
    seen = first.extract(x)
    assert seen.features.shape == (50, first.dimensions)
    np.testing.assert_array_equal(seen.features, again.features(x))
    np.testing.assert_array_equal(seen.classes, again.extract(x).classes)
    assert np.mean(seen.classes == digits.test.labels[:50]) > 0.3
    # A file that is cut off is made anew, and the same: nothing in it is left to chance.
    path.write_bytes(path.read_bytes()[:1000])
    assert feature_network("classifier", digits, sources).name == first.name
    assert len(trained) == 2
    assert files(tmp_path) == [path]


@pytest.mark.parametrize("kind", ["nan", "shape", "no number", "no facts"])
def test_weights_that_no_training_wrote_are_not_taken(kind, digits, tmp_path):
    model = build_classifier(digits.spec, ClassifierConfig())
    about = {"no number": {"test_accuracy": "x", "examples": 3}, "no facts": [1]}.get(
        kind, {"test_accuracy": 1.0, "examples": 3}
    )
    save_weights(model, tmp_path / "x.npz", about)
    with np.load(tmp_path / "x.npz") as file:
        arrays = dict(file)
    if kind == "nan":
        arrays["weight_1"] = np.full_like(arrays["weight_1"], np.nan)
    if kind == "shape":
        arrays["weight_1"] = np.zeros(2**24, np.float32)  # 64 MB, packed into 65 kB
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    before = [weight.numpy() for weight in model.weights]
    with pytest.raises(ValueError, match=r"not finite|of shape|how good"):
        load_weights(model, tmp_path / "x.npz")
    for weight, kept in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_what_a_network_makes_of_an_example_depends_on_no_other(digits, trained, tmp_path):
    network = feature_network("classifier", digits, DataSources(str(tmp_path)))
    whole = network.features(digits.test.x[:40])
    parts = [network.features(digits.test.x[begin : min(begin + 7, 40)]) for begin in range(0, 40, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_other_data_get_another_classifier(digits, trained, tmp_path):
    sources = DataSources(str(tmp_path))
    changed = dataclasses.replace(digits.train, labels=(digits.train.labels + 1) % 10)
    other = dataclasses.replace(digits, splits={**digits.splits, "train": changed})
    names = {feature_network("classifier", data, sources).name for data in (digits, other)}
    assert len(names) == len(trained) == len(files(tmp_path)) == 2


def test_a_classifier_knows_the_digits(digits, classifier_dir, capsys):
    feature_network("classifier", digits, DataSources(str(classifier_dir)), quiet=False)
    share = float(capsys.readouterr().err.split("128 features, ")[1].split(" %")[0])
    assert share >= 96


@pytest.mark.slow
def test_the_classifier_of_mnist_is_right_in_99_of_100_cases(prepared_data_dir, mnist_dir, tmp_path):
    mnist = load_dataset("mnist", load_registry(), DataSources(str(prepared_data_dir), str(mnist_dir)))
    network = feature_network("classifier", mnist, DataSources(str(tmp_path)))
    found = np.concatenate(
        [network.extract(mnist.test.x[begin : begin + 1000]).classes for begin in range(0, 10_000, 1000)]
    )
    assert np.mean(found == mnist.test.labels) >= 0.99


def test_the_values_are_features_of_anything(digits):
    plane = vectors()
    assert (default_network(digits), default_network(plane)) == ("classifier", "values")
    np.testing.assert_array_equal(feature_network("values", plane).features(plane.test.x), plane.test.x)
    network = feature_network("values", digits)
    found = network.features(digits.test.x)
    assert found.shape == (300, 64) == (300, network.dimensions)
    assert (found.min(), found.max()) == (0, 1)
    assert network.extract(digits.test.x).classes is None


def test_mistakes(digits, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"has no images to train a classifier on; use --features values"):
        feature_network("classifier", vectors())
    unlabelled = {name: dataclasses.replace(split, labels=None) for name, split in digits.splits.items()}
    bare = dataclasses.replace(digits, spec=dataclasses.replace(digits.spec, classes=None), splits=unlabelled)
    with pytest.raises(DataError, match=r"has no labels to train a classifier on"):
        feature_network("classifier", bare)
    assert default_network(bare) == "values"
    with pytest.raises(UnknownNameError, match="unknown feature network 'inceptoin'; did you mean 'inception'"):
        feature_network("inceptoin", digits)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError, match=f"put the file {INCEPTION_FILE} .*into {tmp_path}/models"):
        feature_network("inception", digits)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / INCEPTION_FILE).write_bytes(b"not weights")
    with pytest.raises(DataError, match=r"is damaged .*; put a good copy in its place"):
        feature_network("inception", digits)
    with pytest.raises(DataError, match="no images of one or three channels"):
        feature_network("inception", vectors())


@pytest.mark.slow
def test_inception_sees_what_its_weights_say(digits, tmp_path, monkeypatch):
    import h5py
    import keras
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    keras.utils.set_random_seed(0)
    model = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    with h5py.File(tmp_path / "models" / INCEPTION_FILE, "w") as file:  # the published file is of the older kind
        save_weights_to_hdf5_group(file, model)
    network = feature_network("inception", digits)
    x = digits.test.x[:2]
    found = network.features(x)
    assert found.shape == (2, 2048) == (2, network.dimensions)
    enlarged = keras.ops.image.resize(np.repeat(x, 3, axis=-1).astype(np.float32) / 8 - 1, (299, 299))
    np.testing.assert_allclose(found, model(enlarged, training=False), rtol=1e-3, atol=1e-5)


def test_a_folder_that_cannot_be_written_is_told_before_the_training(digits, trained, tmp_path):
    (tmp_path / "tfgen").write_text("precious")
    with pytest.raises(OutputError, match=r"cannot write .*choose another place"):
        feature_network("classifier", digits, DataSources(str(tmp_path)))
    assert not trained
