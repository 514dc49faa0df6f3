from .check import Check
from .checks import CHECKS
from .model_under_test import ModelUnderTest
from .running import Outcome, run_checks

__all__ = [
    "CHECKS",
    "Check",
    "ModelUnderTest",
    "Outcome",
    "run_checks",
]
