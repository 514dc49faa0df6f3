import subprocess
import sys

import numpy as np
import pytest

from tfgen import builtin
from tfgen.data.digits import load_digits
from tfgen.data.lookup import check_sources, load_dataset
from tfgen.errors import DataError, OptionError, PluginError, UnknownNameError
from tfgen.plugin.registry import Registry
from tfgen.plugin.specs import DatasetSpec, DataSources


@pytest.fixture
def registry():
    registry = Registry()
    builtin.tfgen_register(registry)
    return registry


def test_the_built_in_names(registry):
    assert set(registry.datasets) == {
        "digits", "photos", "mnist", "fashion_mnist", "two_gaussians", "checkerboard", "rotated_gaussians", "sprites",
        "linear_gaussian",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "digits",
        "photos",
        "photos:32",
        "two_gaussians",
        "two_gaussians:0.3",
        "checkerboard",
        "checkerboard:5",
        "rotated_gaussians",
        "sprites",
        "linear_gaussian",
    ],
)
def test_the_embedded_sets_load(registry, name):
    dataset = load_dataset(name, registry, DataSources())
    assert dataset.name == name
    assert (dataset.log_prob is None) == dataset.spec.quantised


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("checkerboard:6", "a board has 2, 5, 8, 13, 18, 25 or 32 dark squares, got 6"),
        ("checkerboard:many", "the number of dark squares, as in checkerboard:5"),
        ("two_gaussians:1", "the weight of the left Gaussian lies between 0 and 1, got 1"),
        ("two_gaussians:nan", "lies between 0 and 1, got nan"),
        ("photos:65", "1 to 64 pixels"),
    ],
)
def test_a_variant_that_a_set_does_not_have(registry, name, meaning):
    with pytest.raises(OptionError, match=f"--data {name}: .*{meaning}"):
        load_dataset(name, registry, DataSources())


@pytest.mark.parametrize(("typed", "name"), [("two_gaussians:.30", "two_gaussians:0.3"), ("photos:16", "photos")])
def test_variants_have_one_name_however_they_are_typed(registry, typed, name):
    assert load_dataset(typed, registry, DataSources()).name == name


def test_a_set_without_variants_has_none(registry, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown data set 'digits:3'; did you mean 'digits'"):
        load_dataset("digits:3", registry, DataSources(str(tmp_path)))
    with pytest.raises(ValueError, match="no variants"):
        registry.dataset("digits").of_variant("3")


def test_a_variant_that_is_registered_by_itself_goes_before_the_function(registry):
    registry.add_dataset(DatasetSpec("photos:32", lambda sources: load_digits(), "digits after all"))
    assert load_dataset("photos:32", registry, DataSources()).spec.shape == (8, 8, 1)
    assert registry.has_dataset("photos:16")
    assert not registry.has_dataset("digits:16")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_others_come_from_tensorflow_datasets(registry, name, monkeypatch):
    sources, asked = DataSources(), []

    def load_tfds(*arguments):
        asked.append(arguments)
        return load_digits()

    monkeypatch.setattr("tfgen.data.tfds.load_tfds", load_tfds)
    assert load_dataset(name, registry, sources).name == name
    assert asked == [(name, sources)]


def test_a_registered_set_goes_before_one_of_tensorflow_datasets(registry):
    registry.add_dataset(DatasetSpec("cifar10", lambda sources: load_digits(), "not CIFAR at all"))
    assert load_dataset("cifar10", registry, DataSources()).spec.shape == (8, 8, 1)


def test_a_name_that_two_plugins_claim(registry):
    registry.add_dataset(DatasetSpec("digits", lambda sources: load_digits(), "other digits"))
    with pytest.raises(PluginError, match="digits"):
        load_dataset("digits", registry, DataSources())


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("digit", "digits"), ("chekerboard", "checkerboard"), ("cifar-10", "cifar10"), ("kmnits", "kmnist")],
)
def test_the_closest_name_of_both_worlds(registry, tmp_path, name, nearest):
    with pytest.raises(UnknownNameError, match=f"unknown data set '{name}'; did you mean '{nearest}'") as error:
        load_dataset(name, registry, DataSources(str(tmp_path)))
    assert "\n" not in str(error.value)


def test_the_catalogue_is_not_listed(registry, tmp_path):
    with pytest.raises(UnknownNameError) as error:
        load_dataset("qqqqqqqqqqqqq", registry, DataSources(str(tmp_path)))
    known = (
        "checkerboard, digits, fashion_mnist, linear_gaussian, mnist, photos, rotated_gaussians, sprites, two_gaussians"
    )
    assert f"known: {known}." in str(error.value)
    assert len(str(error.value)) < 350


def test_folders_are_checked_first(registry, tmp_path):
    (tmp_path / "file").write_text("")
    check_sources(DataSources(str(tmp_path / "new"), str(tmp_path)))
    with pytest.raises(DataError, match=r"--manual-dir .*nowhere: there is no such folder"):
        load_dataset("digits", registry, DataSources(manual_dir=str(tmp_path / "nowhere")))
    with pytest.raises(DataError, match=r"--manual-dir"):
        check_sources(DataSources(manual_dir=str(tmp_path / "file")))
    with pytest.raises(DataError, match=r"--data-dir .*file is a file"):
        check_sources(DataSources(data_dir=str(tmp_path / "file")))


def test_registration_is_light():
    code = (
        "import sys; import tfgen.builtin\n"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'keras', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_fault_within_a_variant_function_is_told_with_its_line_and_a_variant_that_is_none_without(registry):
    def faulty(sources, variant):
        if variant == "none":
            raise ValueError("sizes are small and large")
        return np.broadcast_to(np.zeros(3), (2, 2))  # a mistake of the author's, found by NumPy

    registry.add_dataset(
        DatasetSpec("faulty", lambda sources: load_digits(), "digits", variant=faulty, variants="SIZE")
    )
    with pytest.raises(OptionError, match=r"^--data faulty:none: sizes are small and large$"):
        load_dataset("faulty:none", registry, DataSources())
    with pytest.raises(PluginError, match=r"'faulty:large': its function failed: ValueError.*test_lookup\.py:\d+"):
        load_dataset("faulty:large", registry, DataSources())
