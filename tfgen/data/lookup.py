"""Find a data set: a registered name first, else a file or folder, else an image set of tensorflow-datasets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfgen.data.dataset import Dataset
from tfgen.data.fitting import with_fitted_columns
from tfgen.data.own.loading import is_path
from tfgen.data.own.prepared import KEPT, kept_own, prepare_own
from tfgen.errors import DataError, OptionError, PluginError, UnknownNameError, closest
from tfgen.plugin.author_code import author_function, place_of
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources

if TYPE_CHECKING:
    from tfgen.plugin.registry import Registry

CATALOGUE = (
    "Any image set of tensorflow-datasets works too (see https://www.tensorflow.org/datasets/catalog), and your own data: "
    "./FOLDER of pictures, FILE.npz."
)


def load_dataset(name: str, registry: Registry, sources: DataSources, options: DataOptions | None = None) -> Dataset:
    """Return the data set that is registered under `name`, else the file or folder, else the set of tensorflow-datasets.

    A registered name wins over a folder of the same name; with a ``./`` before it, it is a path.

    Args:
        name: of a data set, or a path.
        registry: of the plugins.
        sources: folders of prepared sets, and of files downloaded by hand.
        options: how a file or folder becomes a data set.

    Raises:
        UnknownNameError: when there is neither; gives the closest name among both.
        DataError: when the set cannot be had, is damaged, or a folder in `sources` does not exist.
        OptionError: for an option of a user's own data with another data set.
        PluginError: when two plugins have registered the name, or its function fails or returns something else.
    """
    check_sources(sources)
    try:
        spec = registry.dataset(name)
    except UnknownNameError as error:
        if name.startswith(KEPT):
            return kept_own(name, sources)
        if is_path(name):
            return prepare_own(name, options or DataOptions(), sources)
        _require_no_options(name, options)
        return _load_from_tfds(name, registry, sources, error.known)
    _require_no_options(name, options)
    load = spec.function()
    with author_function(f"data set {name!r}", "it takes (sources) and returns a tfgen.Dataset"):
        found = load(sources)
    if not isinstance(found, Dataset):
        raise PluginError(
            f"data set {name!r}: its function must return a tfgen.Dataset, got {type(found).__name__} ({place_of(load)})."
        )
    if found.name != name and (spec.variant is not None or name in registry.datasets):
        found = dataclasses.replace(found, name=name)  # as users know it, beside numbers too
    return with_fitted_columns(found)


def _require_no_options(name: str, options: DataOptions | None) -> None:
    """Check that no option of a user's own data is given for another data set, which would take no notice of it."""
    for field in dataclasses.fields(DataOptions):
        if options is not None and getattr(options, field.name) != field.default:
            flag = f"--{field.name.replace('_', '-')}"
            raise OptionError(f"{flag} is for a file or folder of your own, and {name!r} is none; leave it out.")


def lasting_name(name: str, registry: Registry) -> str:
    """Return the name of a data set as it holds in any folder: a path in full, every other name as it is."""
    if registry.has_dataset(name) or not is_path(name):
        return name
    return os.path.abspath(os.path.expanduser(name))


def _load_from_tfds(name: str, registry: Registry, sources: DataSources, registered: Iterable[str]) -> Dataset:
    from tfgen.data.tfds import load_tfds

    try:
        return load_tfds(name, sources)
    except UnknownNameError as error:
        known = {*registered, *error.known}
        if closest(name, known) is None:  # the catalogue has hundreds of names: it is searched, but never listed
            known = set(registered)
        failed = [record.name for record in registry.plugins if record.status == "failed"]
        broken = f"These plugins failed to load: {', '.join(failed)}; see `tfgen plugins`." if failed else ""
        raise UnknownNameError("data set", name, known, f"{CATALOGUE} {broken}".rstrip()) from error


def check_sources(sources: DataSources) -> None:
    """Check that the folders exist where they must: `manual_dir` always; `data_dir` may be made, but not over a file.

    Raises:
        DataError: names the option and the path.
    """
    if sources.manual_dir is not None and not os.path.isdir(os.path.expanduser(sources.manual_dir)):
        raise DataError(f"--manual-dir {sources.manual_dir}: there is no such folder.")
    if sources.data_dir is not None:
        path = os.path.expanduser(sources.data_dir)
        if "\0" in path or (os.path.exists(path) and not os.path.isdir(path)):
            raise DataError(f"--data-dir {sources.data_dir} is a file; name a folder.")
