"""Check: one conformance check, with a budget in seconds and the checks that it requires."""

from __future__ import annotations

import functools
from collections.abc import Callable
from unittest import SkipTest

from tfgen.testing.model_under_test import ModelUnderTest


class RequirementFailedError(SkipTest):
    """A check was skipped, because one that it requires fails: that failure is the one to mend."""


class Check:
    """A conformance check: call it with a `ModelUnderTest`; it raises AssertionError (or an error of tfgen) on a failure.

    It raises `unittest.SkipTest` for something that the model does not offer, and where a check that it requires fails: one
    mistake of a model fails one check. Its outcome is remembered by the model under test, so it runs once.

    Args:
        function: what is checked; its docstring says it.
        seconds: the budget on two cores. What takes longer is not cut short; `tfgen check` tells it.
        requires: checks without which this one says nothing of its own.
    """

    def __init__(self, function: Callable[[ModelUnderTest], None], seconds: float, requires: tuple[Check, ...]) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self.function = function
        self.seconds = seconds
        self.requires = requires

    def __repr__(self) -> str:
        return f"Check({self.name})"

    def __call__(self, under_test: ModelUnderTest) -> None:
        """Run the check, or raise again what it raised before."""
        error = self._outcome(under_test)
        if error is not None:
            raise error

    def _outcome(self, under_test: ModelUnderTest) -> Exception | None:
        if self.name not in under_test.outcomes:
            under_test.outcomes[self.name] = self._run(under_test)
        return under_test.outcomes[self.name]

    def _run(self, under_test: ModelUnderTest) -> Exception | None:
        for other in self.requires:
            error = other._outcome(under_test)
            if isinstance(error, RequirementFailedError):
                return error  # which names the one that fails
            if error is not None and not isinstance(error, SkipTest):
                return RequirementFailedError(f"it requires {other.name}, which fails")
        try:
            self.function(under_test)
        except Exception as error:  # whatever an author's code may raise is the outcome
            return error
        return None


def check(seconds: float, *requires: Check) -> Callable[[Callable[[ModelUnderTest], None]], Check]:
    """Return the decorator that makes a `Check` of a function.

    Args:
        seconds: its budget.
        requires: checks without which it says nothing of its own.
    """
    return lambda function: Check(function, seconds, requires)
