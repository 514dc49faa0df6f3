"""Interruption of training by Ctrl-C or SIGTERM: finish the chunk, save, and say how to go on."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from tfgen.errors import TfgenError


class InterruptedRunError(TfgenError):
    """The user stopped a run, which was saved; exit code 130 after Ctrl-C, 143 after SIGTERM."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class StopRequest:
    """Whether, and by which signal, someone asked the run to stop."""

    signum: int | None = None

    def note(self, signum: int, frame: FrameType | None) -> None:
        """Remember the first signal; a second one stops at once."""
        if self.signum is not None:
            raise KeyboardInterrupt
        self.signum = signum
        print(
            "\nstopping after this chunk of steps, to save; press Ctrl-C again to stop at once",
            file=sys.stderr,
            flush=True,
        )


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
