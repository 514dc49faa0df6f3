"""EvaluationClock: estimates how long an evaluation takes, and tells when that is longer than the training before it."""

from __future__ import annotations

import time

#: Seconds; a shorter evaluation is not worth a line, however short the training was.
_SHORT = 30.0


class EvaluationClock:
    """Watches the batches of an evaluation; has a line to say, once, where it will take longer than the training did.

    Args:
        training: seconds of training.
        examples: to be evaluated, of all splits together.
    """

    def __init__(self, training: float, examples: int) -> None:
        self._training, self._examples = training, examples
        self._told = False
        self._began = self._first = time.monotonic()

    def begin(self) -> None:
        """Start the clock of one pass over a split."""
        self._began = time.monotonic()

    def line(self, done: int, total: int, examples: int) -> str | None:
        """Return the line to say after a batch, or None.

        The first batch of a pass is traced and compiled as well, so that the others are estimated from the second on.

        Args:
            done: batches of this pass that are scored.
            total: batches of this pass.
            examples: that this pass scores.
        """
        now = time.monotonic()
        if done == 1:
            self._first = now
        rest = (now - self._first) / max(1, done - 1) * (total - 1)
        seconds = (self._first - self._began + rest) * self._examples / examples
        if self._told or seconds <= max(self._training, _SHORT):
            return None
        self._told = True
        return (
            f"evaluation takes about {_in_words(seconds)}, longer than the training of {_in_words(self._training)}; with "
            f"--evaluate {_fewer(self._examples * self._training / seconds)} a run evaluates so many examples of each split "
            "(--evaluate none: none)"
        )


def _fewer(examples: float) -> int:
    """Return a power of ten, at least 10, that is below half of a number of examples of two splits.

    >>> _fewer(5000), _fewer(500), _fewer(0.3)
    (1000, 100, 10)
    """
    result = 10
    while result * 10 <= examples / 2:
        result *= 10
    return result


def _in_words(seconds: float) -> str:
    """Return a duration in words.

    >>> _in_words(89), _in_words(600), _in_words(9000)
    ('89 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
