"""Image gallery of a report page: samples and curves first, other pictures in groups, captions from file names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tfgen import RunError
from tfgen.figures import draw_curves
from tfgen.runs import RunFacts
from tfgen_plugins.report.pictures import Inlined, drawn, inlined

#: Samples as training went on, in the order of time.
_MOMENTS = {
    "samples_before": "Before training",
    "samples_half": "Half-way",
    "samples_after": "After training",
}
_IN_FRONT = {
    "curves": "Training and validation",
    "density": "Densities in the plane: true, where it is known, and learned",
}
#: Every other picture by its name, in groups; a name may go on behind one of these, as `confusion_valid` does.
_GROUPS: Mapping[str, Mapping[str, str]] = {
    "Latent space": {
        "reconstructions": "Test images, and what their codes decode to",
        "manifold": "A grid of decoded codes, at quantiles of the normal distribution",
        "codes": "Codes of test examples, coloured by class",
        "traversals": "The most active dimensions from -3 to 3, the others fixed",
        "interpolations": "Straight lines between the codes of test images of different classes",
        "aggregate_posterior": "Codes of test examples over draws from the prior",
    },
    "Classes": {
        "classes": "Samples of each class",
        "one_code_all_classes": "One code of the prior in each row, decoded as every class",
        "style_transfer": "The code of a test image, decoded under every label",
        "class_traversals": "The two most active dimensions from -3 to 3, under each label",
        "number": "A number, each digit drawn by the model",
    },
    "Interpolation": {"interpolation": "From one example to another through the latent space"},
    "Inpainting": {"inpainting": "Test images of which a part is unknown (blue), completed"},
    "Classification": {
        "confusion": "How often each class was taken for which",
        "reliability": "How far the confidence can be trusted",
    },
    "Nearest training examples": {
        "neighbours": "Samples beside the training examples nearest to them",
        "nearest": "Samples beside the training examples nearest to them",
    },
    "Further samples": {"samples": "Samples"},
}
_OTHERS = "Other pictures"
#: Largest number of pictures on the page; others are counted only.
_MOST = 60
#: A group with more pictures is folded up.
_MOST_OPEN = 12
#: Pictures without images in them, whatever the data: a dark page inverts them.
_PLOTS = ("curves", "density", "codes", "aggregate_posterior", "confusion", "reliability")
#: A narrower picture of small images is enlarged by the page, with sharp pixels; a broad one is scaled down, smoothly.
_NARROW = 300


@dataclass(frozen=True)
class GalleryPicture:
    """A picture of the page with caption and alternative text.

    Attributes:
        image: embedded PNG.
        caption: below the picture.
        alt: alternative text.
        pixelated: True for small images, whose pixels stay sharp when enlarged.
        kind: how a dark page shows it: ``plot-image`` is inverted, ``images`` dimmed, ``clear`` has no background of its own.
    """

    image: Inlined
    caption: str
    alt: str
    pixelated: bool = False
    kind: str = "images"


@dataclass
class Gallery:
    """Every picture of a run, in groups.

    Attributes:
        samples: before, half-way through and after training, as far as they exist.
        front: curves and densities.
        groups: all others, by the title of their group.
        opened: titles of the groups that stand open.
        notes: omissions, in sentences.
    """

    samples: list[GalleryPicture] = field(default_factory=list)
    front: list[GalleryPicture] = field(default_factory=list)
    groups: dict[str, list[GalleryPicture]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def opened(self) -> list[str]:
        """Titles of the groups that stand open: those that tfgen draws, of not so many pictures that they hide the next."""
        return [title for title, pictures in self.groups.items() if title in _GROUPS and len(pictures) <= _MOST_OPEN]


def gallery_of(run: RunFacts) -> Gallery:
    """Return the pictures in a run's folder; missing curves are drawn."""
    gallery = Gallery()
    images = dict(_read(_files(run.folder / "figures", gallery), run.folder, gallery))
    of_images = run.config.get("data_spec", {}).get("kind") == "image"
    for name, caption in _MOMENTS.items():
        if name in images:
            alt = f"Samples {caption.lower()}"
            gallery.samples.append(_picture(name, images[name], caption, run, of_images, alt))
    if "curves" not in images and any(term.startswith(("train/", "valid/")) for row in run.rows for term in row):
        images["curves"] = drawn(partial(draw_curves, run.rows, catalogue=run.catalogue, averaged=run.averages_weights))
    for name, caption in _IN_FRONT.items():
        if name in images:
            gallery.front.append(_picture(name, images[name], caption, run))
    placed: dict[str, list[GalleryPicture]] = {title: [] for title in (*_GROUPS, _OTHERS)}
    for name in sorted(images.keys() - _MOMENTS.keys() - _IN_FRONT.keys(), key=_rank):
        title, caption = place_of(name)
        placed[title].append(_picture(name, images[name], caption, run, of_images and title == "Further samples"))
    gallery.groups = {title: pictures for title, pictures in placed.items() if pictures}
    return gallery


def place_of(name: str) -> tuple[str, str]:
    """Return the group of a picture and its caption.

    >>> place_of("confusion_valid")
    ('Classification', 'How often each class was taken for which (valid)')
    >>> place_of("my_own")
    ('Other pictures', 'My own')
    """
    for title, captions in _GROUPS.items():
        for known in sorted(captions, key=len, reverse=True):
            if name == known:
                return title, captions[known]
            if name.startswith((f"{known}_", f"{known}-")):
                return title, f"{captions[known]} ({_in_words(name[len(known) + 1 :])})"
    words = _in_words(name)
    return _OTHERS, words[:1].upper() + words[1:]


def _files(folder: Path, gallery: Gallery) -> list[Path]:
    """Return the first pictures of a folder by name, with known names first if there are too many."""
    result = sorted(folder.glob("*.png"), key=lambda path: _rank(path.stem))
    if len(result) > _MOST:
        gallery.notes.append(f"{len(result) - _MOST} of {len(result)} pictures are left out: a page holds {_MOST}.")
    return result[:_MOST]


def _read(paths: Sequence[Path], folder: Path, gallery: Gallery) -> Iterator[tuple[str, Inlined]]:
    for path in paths:
        try:
            yield path.stem, inlined(path, folder)
        except RunError:
            gallery.notes.append(f"figures/{path.name} is left out: the file is damaged or no PNG.")


def _rank(name: str) -> tuple[int, str]:
    """Return the sort key of a picture: known names in the order above, then the others."""
    known = [*_MOMENTS, *_IN_FRONT, *(name for captions in _GROUPS.values() for name in captions)]
    return (known.index(name) if name in known else len(known), name)


def _picture(
    name: str, image: Inlined, caption: str, run: RunFacts, of_images: bool = False, alt: str = ""
) -> GalleryPicture:
    """Return a picture of the page; `of_images` says that it shows nothing but images of the data's kind."""
    text = f"{caption} ({image.note})" if image.note else caption
    description = f"{alt or caption}, {run.config['model']} on {run.config['data']}"
    images = run.config.get("data_spec", {}).get("kind") == "image"
    known = name in _MOMENTS or place_of(name)[0] in _GROUPS
    kind = "plot-image" if name.startswith(_PLOTS) or (known and not images) else "clear" if known else "images"
    return GalleryPicture(image, text, description, of_images and image.width < _NARROW, kind)


def _in_words(name: str) -> str:
    return name.replace("_", " ").strip() or "unnamed"
