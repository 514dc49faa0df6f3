"""Work for the thread of the models: rows of a request or a call, and the future that waits for the result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen_plugins.serve.block import BlockFunction, RowRequest


@dataclass(eq=False)
class Work:
    """Work that a request waits for: rows of a function, or a call that has the models for itself.

    Attributes:
        future: of `asyncio` or `concurrent.futures`; gets the result, or what was raised.
        function: returns the function of the rows, or is the call; called in the thread of the models.
        count: number of rows; 1 for a call.
        key: rows with equal keys may stand in one block.
        request: of the rows; None for a call.
        dropped: true once nobody waits any more.
        started: true once some of it is being computed.
        alone: true once a block with its rows and others failed.
    """

    future: Any
    function: Callable[[], Any]
    count: int = 1
    key: Hashable = None
    request: RowRequest | None = None
    dropped: bool = False
    started: bool = False
    alone: bool = False
    _next: int = 0
    _result: NDArray[Any] | None = None

    @property
    def left(self) -> int:
        """Rows that have not begun."""
        return self.count - self._next

    def take(self, most: int, function: BlockFunction) -> slice:
        """Return the next rows, at most so many; they count as begun."""
        begin = self._next
        self._next = min(self.count, begin + most, begin + function.rows_from(begin))
        self.started = True
        return slice(begin, self._next)

    def give_back(self, rows: slice) -> None:
        """Take back rows that were not computed, to be computed alone."""
        self._next, self.alone = rows.start, True

    def put(self, rows: slice, values: NDArray[Any]) -> NDArray[Any] | None:
        """Keep the results of the rows that were taken; return those of all rows once they are there."""
        if len(values) == self.count:
            return values
        if self._result is None:
            self._result = np.empty((self.count, *values.shape[1:]), values.dtype)
        self._result[rows] = values
        return self._result if rows.stop == self.count else None


#: A future with its result, or with what was raised.
Outcome = tuple[Any, Any, BaseException | None]


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Set the results of futures; those of an event loop in its thread, all of them at once."""
    by_loop: dict[Any, list[Outcome]] = {}
    for outcome in outcomes:
        loop = None if isinstance(outcome[0], Future) else outcome[0].get_loop()
        by_loop.setdefault(loop, []).append(outcome)
    for loop, own in by_loop.items():
        if loop is None:
            _set(own)
        else:
            with contextlib.suppress(RuntimeError):  # a closed loop: nobody waits any more
                loop.call_soon_threadsafe(_set, own)


def _set(outcomes: Sequence[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
