"""Find a data set by name: a registered one first, else any image set of tensorflow-datasets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfgen.data.dataset import Dataset
from tfgen.errors import DataError, PluginError, UnknownNameError, closest
from tfgen.plugin.author_code import author_function, place_of
from tfgen.plugin.specs import DataSources

if TYPE_CHECKING:
    from tfgen.plugin.registry import Registry

CATALOGUE = "Any image set of tensorflow-datasets works too (see https://www.tensorflow.org/datasets/catalog)."


def load_dataset(name: str, registry: Registry, sources: DataSources) -> Dataset:
    """Return the data set that is registered under `name`, or else the set of tensorflow-datasets with that name.

    Raises:
        UnknownNameError: when there is neither; gives the closest name among both.
        DataError: when the set cannot be had, is damaged, or a folder in `sources` does not exist.
        PluginError: when two plugins have registered the name, or its function fails or returns something else.
    """
    check_sources(sources)
    try:
        spec = registry.dataset(name)
    except UnknownNameError as error:
        return _load_from_tfds(name, registry, sources, error.known)
    load = spec.function()
    with author_function(f"data set {name!r}", "it takes (sources) and returns a tfgen.Dataset"):
        found = load(sources)
    if not isinstance(found, Dataset):
        raise PluginError(
            f"data set {name!r}: its function must return a tfgen.Dataset, got {type(found).__name__} ({place_of(load)})."
        )
    if found.name == name:
        return found
    return dataclasses.replace(found, name=name)  # as users know it, beside numbers too


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
