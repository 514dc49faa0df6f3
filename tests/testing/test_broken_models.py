"""Each broken model fails its check and no other, every check has a broken model, and the sound ones pass."""

from __future__ import annotations

from functools import cache

import pytest

from tests.slow import named, slow
from tests.testing.broken_models import BROKEN, Broken, PixelTable, SmallFlow
from tests.toy_models import ContextGaussian
from tfgen.plugin.loading import load_registry
from tfgen.testing import CHECKS, run_checks
from tfgen.testing.training_checks import compile_modes_agree


@cache
def registry():
    return load_registry(["tests.small_digits"])


def outcomes(name, broken, checks):
    return {found.name: found for found in run_checks(broken.under_test(name, registry()), checks)}


#: Compiling in three ways takes as long as all other checks.
FAST = tuple(check for check in CHECKS if check is not compile_modes_agree)


def failures(found):
    return {name: outcome.message for name, outcome in found.items() if outcome.status == "failed"}


#: Those that take longest, and whose check another broken model fails as well.
SLOW = {"image flow without log-determinant", "mean of many bounds", "sampler of other images"}


@pytest.mark.parametrize("name", named(BROKEN, BROKEN.keys() - SLOW))
def test_a_broken_model_fails_its_check(name):
    broken = BROKEN[name]
    found = outcomes(name, broken, [check for check in CHECKS if check.name == broken.check])
    assert set(failures(found)) == {broken.check}
    assert broken.says in found[broken.check].message
    assert "\n" not in found[broken.check].message


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_fails_no_other_check(name):
    found = outcomes(f"{name} slow", BROKEN[name], CHECKS)
    assert set(failures(found)) == {BROKEN[name].check}, failures(found)
    for outcome in found.values():
        if "it requires" in outcome.message:
            assert outcome.status == "skipped"


@pytest.mark.parametrize(
    ("name", "base", "data"),
    [
        ("sound-flow", SmallFlow, "two_gaussians"),
        ("sound-table", PixelTable, "small_digits"),
        slow("sound-context", ContextGaussian, "linear_gaussian"),
        ("sound-label-and-context", ContextGaussian, "measured_digits"),
    ],
)
def test_the_sound_ones_pass(name, base, data):
    few = {"batch_size": 100} if data == "measured_digits" else {}
    assert not failures(outcomes(name, Broken("", base, {}, data, options=few), FAST))


def test_every_check_has_a_broken_model():
    assert {broken.check for broken in BROKEN.values()} == {check.name for check in CHECKS}
