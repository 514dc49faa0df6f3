from .interpolation import MOST_STEPS, PATHS, weights_of
from .sampling import given_of, labels_for

__all__ = ["MOST_STEPS", "PATHS", "given_of", "labels_for", "weights_of"]
