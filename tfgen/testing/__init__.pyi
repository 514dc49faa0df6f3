from .checks import CHECKS
from .subject import Subject

__all__ = [
    "CHECKS",
    "Subject",
]
