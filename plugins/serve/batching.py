"""Dynamic batching: rows of requests that wait are put together into blocks, which one thread computes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tfgen import TfgenError
from tfgen_plugins.serve.block import BlockFunction
from tfgen_plugins.serve.work import Outcome, Work, deliver


class BusyError(TfgenError):
    """The queue is full: come again."""


class ClosingError(TfgenError):
    """The server is stopping and takes nothing new."""


#: Some rows of a work, as a block holds them.
_Taken = list[tuple[Work, slice]]


class Batcher:
    """Queue of work, and the one thread that does it; a context manager.

    A block takes rows of everything that waits for the same function with the same options, in the order in which it came.
    What is left of a request with more rows than a block goes back to the end of the queue, so that small ones pass it.

    Args:
        most_requests: that may wait; more are refused.
        most_rows: that may wait, of all requests together.
        batching: put rows of several requests into one block; without it each is computed by itself, in a block of about its
            size.
        on_block: called after each block with its number of rows and its seconds.
        scope: context manager in which the thread computes, of a device for example.
    """

    def __init__(
        self,
        most_requests: int = 256,
        most_rows: int = 40_000,
        batching: bool = True,
        on_block: Callable[[int, float], None] = lambda rows, seconds: None,
        scope: Callable[[], Any] = contextlib.nullcontext,
    ) -> None:
        self.most_requests, self.most_rows, self.batching = most_requests, most_rows, batching
        self._on_block, self._scope = on_block, scope
        self._queue: deque[Work] = deque()
        self._rows = 0
        self._changed = threading.Condition()
        self._closing = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tfgen-models", daemon=True)

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = self._stopping = True
            self._changed.notify()
        self._thread.join()

    def close(self) -> None:
        """Take no new requests, see `open`; what those that are there wait for or still need is done."""
        self._closing = True

    @property
    def open(self) -> bool:
        """True while new requests are accepted."""
        return self._thread.is_alive() and not self._closing

    @property
    def waiting(self) -> tuple[int, int]:
        """Requests and rows that wait; what is being computed counts no more."""
        return len(self._queue), self._rows

    def submit(self, work: Work) -> None:
        """Queue some work.

        Raises:
            BusyError: when too much waits already.
            ClosingError: when the server is stopping.
        """
        with self._changed:
            if self._stopping:  # what a request that came before `close` still needs is done
                raise ClosingError("the server is stopping; send the request to another one, or later.")
            if len(self._queue) >= self.most_requests:
                raise BusyError(f"{len(self._queue)} requests are waiting; send it again in a second.")
            if self._queue and self._rows + work.count > self.most_rows:
                raise BusyError(f"{self._rows} rows are waiting; send it again in a second, or ask for fewer.")
            self._push(work)
            self._changed.notify()

    def call(self, function: Callable[[], Any]) -> Any:
        """Return the result of a call in the thread of the models, after what waits already."""
        future: Future[Any] = Future()
        self.submit(Work(future, function))
        return future.result()

    def _push(self, work: Work) -> None:
        self._queue.append(work)
        self._rows += work.left

    def _pop(self) -> Work:
        work = self._queue.popleft()
        self._rows -= work.left
        return work

    def _run(self) -> None:
        try:
            with self._scope():
                while (work := self._next()) is not None:
                    if not work.dropped:
                        self._do(work)
        except BaseException as error:  # of the scope, a device that is not there: nobody may wait for ever
            with self._changed:
                self._closing = self._stopping = True
                waiting = [self._pop() for _ in range(len(self._queue))]
            deliver([(work.future, None, error) for work in waiting])

    def _next(self) -> Work | None:
        """Return the first work of the queue, once there is one; None to stop."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            return self._pop() if self._queue else None

    def _do(self, work: Work) -> None:
        """Do some work, and what fits into a block with it."""
        together = [work]
        taken: _Taken = []
        try:
            if work.request is None:
                work.started = True
                deliver([(work.future, work.function(), None)])
                return
            function = work.function()
            taken = [(work, work.take(function.size, function))]
            if self.batching and function.mixes and not work.alone:
                taken += self._others(work, function.size - _length(taken[0][1]), function)
                together = [entry for entry, _ in taken]
            deliver(self._computed(taken, function))
        except Exception as error:
            if len(together) > 1:  # one of them is at fault: each is computed by itself
                self._again(taken)
                return
            for entry in together:
                entry.dropped = True
            deliver([(entry.future, None, error) for entry in together])
        else:
            with self._changed:
                for entry in together:
                    if entry.left:
                        self._push(entry)

    def _again(self, taken: _Taken) -> None:
        """Put rows back that were taken, to be computed without others beside them."""
        with self._changed:
            for work, own in taken:
                work.give_back(own)
                self._push(work)

    def _others(self, first: Work, room: int, function: BlockFunction) -> _Taken:
        """Take rows of other work that waits for the same, as many as there is room for."""
        taken: _Taken = []
        passed: list[Work] = []
        with self._changed:
            while self._queue and room > 0:
                work = self._pop()
                if work.key != first.key or work.request is None or work.alone:
                    passed.append(work)
                elif not work.dropped:
                    taken.append((work, work.take(room, function)))
                    room -= _length(taken[-1][1])
            self._queue.extendleft(reversed(passed))
            self._rows += sum(work.left for work in passed)
        return taken

    def _computed(self, taken: _Taken, function: BlockFunction) -> list[Outcome]:
        """Compute a block; return the results of work that is finished by it."""
        begin = time.perf_counter()
        rows = sum(_length(own) for _, own in taken)
        # By itself a request has a block of about its size: the next power of two.
        size = function.size if self.batching else min(function.size, 1 << (rows - 1).bit_length())
        values = function([(own, work.request) for work, own in taken if work.request is not None], size)
        self._on_block(rows, time.perf_counter() - begin)
        finished: list[Outcome] = []
        place = 0
        for work, own in taken:
            result = work.put(own, values[place : place + _length(own)])
            place += _length(own)
            if result is not None:
                finished.append((work.future, result, None))
        return finished


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)
