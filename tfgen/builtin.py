"""Built-in data sets, metrics, pictures, feature networks and optimizers, registered by name, imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tfgen.export.catalogue import FORMATS
from tfgen.metrics.catalogue import BUILTIN
from tfgen.plugin.hookspecs import hookimpl
from tfgen.plugin.specs import DatasetSpec, DataSources, FeatureNetworkSpec, PictureSpec
from tfgen.training.catalogue import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from tfgen.data.dataset import Dataset
    from tfgen.plugin.registration import Registration

Number = TypeVar("Number", int, float)


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Register the built-in data sets, metrics, pictures, feature networks, optimizers and export formats."""
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
    for export_format in FORMATS:
        registry.add_export_format(export_format)


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


def _photos_of(sources: DataSources, variant: str) -> Dataset:
    from tfgen.data.photos import load_photos

    return load_photos(_number(int, variant, "the height and width of a patch in pixels", "photos:32"))


def _two_gaussians(sources: DataSources) -> Dataset:
    from tfgen.data.toy import load_two_gaussians

    return load_two_gaussians()


def _two_gaussians_of(sources: DataSources, variant: str) -> Dataset:
    from tfgen.data.toy import load_two_gaussians

    return load_two_gaussians(_number(float, variant, "the weight of the left Gaussian", "two_gaussians:0.3"))


def _checkerboard_of(sources: DataSources, variant: str) -> Dataset:
    from tfgen.data.toy import load_checkerboard

    return load_checkerboard(_number(int, variant, "the number of dark squares", "checkerboard:5"))


def _checkerboard(sources: DataSources) -> Dataset:
    from tfgen.data.toy import load_checkerboard

    return load_checkerboard()


def _rotated_gaussians(sources: DataSources) -> Dataset:
    from tfgen.data.conditional_toy import load_rotated_gaussians

    return load_rotated_gaussians()


def _sprites(sources: DataSources) -> Dataset:
    from tfgen.data.sprites import load_sprites

    return load_sprites()


def _linear_gaussian(sources: DataSources) -> Dataset:
    from tfgen.data.conditional_toy import load_linear_gaussian

    return load_linear_gaussian()


def _number(kind: type[Number], variant: str, meaning: str, example: str) -> Number:
    """Return a variant of a data set as a number.

    Raises:
        ValueError: when it is none; says what it means, with an example.
    """
    try:
        return kind(variant)
    except ValueError as error:
        raise ValueError(f"behind the colon stands {meaning}, as in {example}.") from error


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
        summary="12,936 RGB patches of two photographs, 16x16, labelled by photograph; photos:32 has 6,024 of 32x32",
        reference=_PHOTOGRAPHS,
        variant=_photos_of,
        variants="SIZE",
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
        summary="a mixture of two Gaussians in 2-D, equal or with a weight of the left one, with labels and exact density",
        variant=_two_gaussians_of,
        variants="WEIGHT",
    ),
    DatasetSpec(
        name="checkerboard",
        load=_checkerboard,
        summary="the dark squares of a board in 2-D, eight or another number, with the exact density; needs no network",
        variant=_checkerboard_of,
        variants="SQUARES",
    ),
    DatasetSpec(
        name="rotated_gaussians",
        load=_rotated_gaussians,
        summary="two Gaussians in 2-D rotated by an angle, their context, with the exact density; needs no network",
    ),
    DatasetSpec(
        name="sprites",
        load=_sprites,
        summary="6,144 pictures of a square, an ellipse or a heart, 32x32, with their factors as context; needs no network",
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
