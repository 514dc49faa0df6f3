"""Registry and data set of the tests of exported models."""

from __future__ import annotations

import pytest

from tfgen.data.lookup import load_dataset
from tfgen.plugin.loading import load_registry
from tfgen.plugin.specs import DataSources


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.fixture(scope="module")
def digits(registry):
    return load_dataset("digits", registry, DataSources())
