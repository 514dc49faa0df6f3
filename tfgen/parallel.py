"""Run a function on a few threads, with the results in order and no more calls begun than are wanted soon."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def in_order(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], at_work: int, name: str = "tfgen"
) -> Iterator[T]:
    """Yield ``function(*call)`` for each call in order; while one result is in the caller's hands the next are computed.

    The first call is made alone, on the caller's thread: it may trace a program that the others use.

    Args:
        function: may be called from several threads at once.
        calls: arguments of each call, read as they are needed.
        at_work: calls at a time; 1 makes each only when its result is asked for.
        name: begins the names of the threads.
    """
    remaining = iter(calls)
    for call in remaining:
        yield function(*call)
        if at_work > 1:
            break
    first = next(remaining, None)
    if first is None:
        return
    with ThreadPoolExecutor(at_work, thread_name_prefix=name) as pool:
        begun: deque[Future[T]] = deque([pool.submit(function, *first)])
        try:
            for call in remaining:
                begun.append(pool.submit(function, *call))
                if len(begun) > at_work:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:  # the caller may have had enough, or a call may have failed
            for future in begun:
                future.cancel()


def blocks_at_work(batch_size: int, block: int) -> int:
    """Return how many blocks of examples are computed at a time within a batch size: one at least, and two at most.

    Where the operations of one leave a core idle, those of the other use it; a third gains nothing.
    """
    return min(2, max(1, batch_size // block))
