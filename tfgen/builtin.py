"""Built-in data sets, metrics, pictures, feature networks and optimizers, registered by name, imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgen.metrics.catalogue import BUILTIN
from tfgen.plugin.hookspecs import hookimpl
from tfgen.plugin.specs import DatasetSpec, DataSources, FeatureNetworkSpec, PictureSpec
from tfgen.training.catalogue import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from tfgen.data.dataset import Dataset
    from tfgen.plugin.registration import Registration


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Register the built-in data sets, metrics, pictures and feature networks."""
    for dataset in DATASETS:
        registry.add_dataset(dataset)
    for metric in BUILTIN:
        registry.add_metric(metric)
    for picture in PICTURES:
        registry.add_picture(picture)
    for network in FEATURE_NETWORKS:
        registry.add_feature_network(network)
    for optimizer in OPTIMIZERS:
        registry.add_optimizer(optimizer)
    for schedule in SCHEDULES:
        registry.add_schedule(schedule)


def _digits(sources: DataSources) -> Dataset:
    from tfgen.data.digits import load_digits

    return load_digits()


def _mnist(sources: DataSources) -> Dataset:
    from tfgen.data.tfds import load_tfds

    return load_tfds("mnist", sources)


def _fashion_mnist(sources: DataSources) -> Dataset:
    from tfgen.data.tfds import load_tfds

    return load_tfds("fashion_mnist", sources)


def _photos(sources: DataSources) -> Dataset:
    from tfgen.data.photos import load_photos

    return load_photos()


def _photos_32(sources: DataSources) -> Dataset:
    from tfgen.data.photos import load_photos

    return load_photos(32)


def _two_gaussians(sources: DataSources) -> Dataset:
    from tfgen.data.toy import load_two_gaussians

    return load_two_gaussians()


def _checkerboard(sources: DataSources) -> Dataset:
    from tfgen.data.toy import load_checkerboard

    return load_checkerboard()


def _rotated_gaussians(sources: DataSources) -> Dataset:
    from tfgen.data.conditional_toy import load_rotated_gaussians

    return load_rotated_gaussians()


def _linear_gaussian(sources: DataSources) -> Dataset:
    from tfgen.data.conditional_toy import load_linear_gaussian

    return load_linear_gaussian()


_PHOTOGRAPHS = (
    "china.jpg by danielbuechele, flower.jpg by vultilion, CC BY 2.0 (flickr.com/photos/danielbuechele/6061409035, "
    "flickr.com/photos/vultilion/6056698931); in scikit-learn."
)

DATASETS = (
    DatasetSpec(
        name="digits",
        load=_digits,
        summary="1,797 handwritten digits, 8x8, 17 grey levels; needs no network",
        reference="E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; in scikit-learn.",
    ),
    DatasetSpec(
        name="photos",
        load=_photos,
        summary="12,936 RGB patches of two photographs, 16x16, 256 levels, labelled by photograph; needs no network",
        reference=_PHOTOGRAPHS,
    ),
    DatasetSpec(
        name="photos:32",
        load=_photos_32,
        summary="6,024 RGB patches of the same photographs, 32x32, 256 levels; needs no network",
        reference=_PHOTOGRAPHS,
    ),
    DatasetSpec(
        name="mnist",
        load=_mnist,
        summary="70,000 handwritten digits, 28x28, 256 grey levels; downloaded, or read from --manual-dir",
        reference="Y. LeCun, C. Cortes and C. J. C. Burges (1998), The MNIST database of handwritten digits.",
    ),
    DatasetSpec(
        name="fashion_mnist",
        load=_fashion_mnist,
        summary="70,000 pictures of clothes, 28x28, 256 grey levels; downloaded, or read from --manual-dir",
        reference="H. Xiao, K. Rasul and R. Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747.",
    ),
    DatasetSpec(
        name="two_gaussians",
        load=_two_gaussians,
        summary="an equal mixture of two Gaussians in 2-D, with labels and its exact density; needs no network",
    ),
    DatasetSpec(
        name="checkerboard",
        load=_checkerboard,
        summary="the eight dark squares of a 4x4 board in 2-D, with its exact density; needs no network",
    ),
    DatasetSpec(
        name="rotated_gaussians",
        load=_rotated_gaussians,
        summary="two Gaussians in 2-D rotated by an angle, their context, with the exact density; needs no network",
    ),
    DatasetSpec(
        name="linear_gaussian",
        load=_linear_gaussian,
        summary="parameters of a linear-Gaussian simulator given what is observed, with the exact posterior",
    ),
)

PICTURES = (
    PictureSpec(
        "density", "tfgen.runs.pictures:draw_density_picture", "the density of a model of vectors in the plane"
    ),
    PictureSpec(
        "conditional_density",
        "tfgen.runs.pictures:draw_conditional_picture",
        "the density of a model of vectors in the plane, given four contexts",
    ),
    PictureSpec("sbc", "tfgen.runs.pictures:draw_sbc_picture", "ranks of true values among a model's draws"),
    PictureSpec("inpainting", "tfgen.runs.pictures:draw_inpainting_picture", "lower halves of test images, completed"),
)

FEATURE_NETWORKS = (
    FeatureNetworkSpec(
        "classifier", "tfgen.evaluate.features:classifier_of", "the last hidden layer of a classifier of the data set"
    ),
    FeatureNetworkSpec("inception", "tfgen.evaluate.features:inception", "Inception v3 of Keras, trained on ImageNet"),
    FeatureNetworkSpec("values", "tfgen.evaluate.features:values_of", "the values of the examples themselves"),
)
