"""Worker of the hostile tests: runs commands of tfgen in one process, and measures time and memory of each.

It reads one JSON object a line from its standard input, ``{"folder": ..., "arguments": [...]}``, and answers with one a line:
exit code, standard error, traceback if any, seconds, and by how many MB the most memory exceeded that at the beginning.
"""

import contextlib
import gc
import io
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path

#: What the process may take beyond what it has at the beginning, in bytes of addresses: a flood ends here, not in the machine.
_ADDRESSES = 12 * 2**30


def peak() -> int:
    """Return the most memory of this process since `reset_peak`, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    raise AssertionError("the system tells no peak of memory")


def reset_peak() -> None:
    """Let the peak be the memory of now."""
    Path("/proc/self/clear_refs").write_text("5")


def answer(folder: str, arguments: list[str]) -> dict:
    """Run one command in a folder and return what it did."""
    from tfgen.cli.main import main

    out, err, trace = io.StringIO(), io.StringIO(), ""
    gc.collect()
    reset_peak()
    before, began = peak(), time.perf_counter()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    except SystemExit as error:  # of --help
        code = error.code
    except BaseException:
        code, trace = 1, traceback.format_exc()
    seconds, most = time.perf_counter() - began, peak() - before
    return {"code": code, "err": err.getvalue(), "trace": trace, "seconds": seconds, "mb": most / 2**20}


def serve(channel: io.TextIOWrapper) -> None:
    """Answer requests until there are no more."""
    from tfgen.plugin.loading import load_registry
    from tfgen.runtime import load_tensorflow

    load_registry()
    load_tensorflow()
    import keras

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESSES, used + _ADDRESSES))
    print(json.dumps({"ready": True}), file=channel, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=channel, flush=True)
        keras.backend.clear_session()  # what one case leaves there is not laid to the next


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        serve(answers)
