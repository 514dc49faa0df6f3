"""Interruption of training by Ctrl-C or SIGTERM: finish the chunk, save, and say how to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from tfgen.errors import TfgenError
from tfgen.printed import say


class InterruptedRunError(TfgenError):
    """The user stopped a run, which was saved; exit code 130 after Ctrl-C, 143 after SIGTERM."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class StoppedAtOnce(KeyboardInterrupt):
    """A signal that ends the program at once; as a `KeyboardInterrupt` no ``except Exception`` catches it."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


def signal_of(stop: KeyboardInterrupt) -> int:
    """Return the number of the signal behind an exception; SIGINT for that of Python itself."""
    return stop.signum if isinstance(stop, StoppedAtOnce) else int(signal.SIGINT)


class StopRequest:
    """Whether, and by which signal, someone asked the run to stop."""

    signum: int | None = None

    def note(self, signum: int, frame: FrameType | None) -> None:
        """Remember the first signal; a second one stops at once."""
        if self.signum is not None:
            raise StoppedAtOnce(signum)
        self.signum = signum
        say("", "stopping after this chunk of steps, to save; press Ctrl-C again to stop at once", error=True)


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a `StopRequest` for the block; other threads than the main one see no signals."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {signum: signal.signal(signum, request.note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def sigterm_stops() -> Iterator[None]:
    """Turn SIGTERM into a `StoppedAtOnce` for the block, unless the program around it handles SIGTERM itself."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise StoppedAtOnce(signum)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
