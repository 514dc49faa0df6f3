"""Run the conformance suite without pytest: an outcome with seconds for each check."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from unittest import SkipTest

from tfgen.errors import TfgenError
from tfgen.testing.check import Check
from tfgen.testing.checks import CHECKS
from tfgen.testing.model_under_test import ModelUnderTest


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Attributes:
        name: of the check.
        status: ``skipped`` where the model does not offer what is checked, or another check has to pass first.
        seconds: how long it took; what several checks need, such as the trained model, counts for the first of them.
        budget: how long it should take on two cores.
        message: why it failed or was skipped, in one line.
    """

    name: str
    status: Literal["passed", "failed", "skipped"]
    seconds: float
    budget: float
    message: str = ""

    @property
    def over_budget(self) -> bool:
        """Whether it took longer than it should."""
        return self.seconds > self.budget


def run_checks(under_test: ModelUnderTest, checks: Iterable[Check] | None = None) -> Iterator[Outcome]:
    """Run checks and yield the outcome of each.

    Args:
        under_test: the model.
        checks: some of `CHECKS`; all by default.
    """
    for check in CHECKS if checks is None else checks:
        begin = time.perf_counter()
        status: Literal["passed", "failed", "skipped"] = "passed"
        message = ""
        try:
            check(under_test)
        except SkipTest as skip:
            status, message = "skipped", _one_line(str(skip))
        except (AssertionError, TfgenError) as error:
            status, message = "failed", _one_line(str(error) or repr(error))
        except Exception as error:  # whatever an author's code may raise is told in one line
            status, message = "failed", f"{type(error).__name__}: {_one_line(str(error))}"
        yield Outcome(check.name, status, time.perf_counter() - begin, check.seconds, message)


def _one_line(text: str) -> str:
    """Return the words of a message in one line; NumPy's table of mismatches is left to pytest."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:3]) if len(lines) > 1 else "".join(lines)
