"""Windows has no modules `fcntl` and `resource`: the package imports, trains and resumes without them."""

import os
import signal
import subprocess
import sys

import pytest

from tests.systems import needs_sigkill

#: Hides both modules, imports every module of the three packages, and runs commands; a run is killed at its first step.
PROGRAM = """
import os, pkgutil, signal, sys
sys.modules["fcntl"] = sys.modules["resource"] = None
import tfgen, tfgen_benchmarks, tfgen_plugins
from tfgen.cli.main import main
from tfgen.plugin.registry import Registry

for package in (tfgen, tfgen_benchmarks, tfgen_plugins):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            __import__(module.name)

def dies(self, hook, **arguments):
    if hook == "tfgen_progress":
        assert os.path.exists("runs/x/.lock-held")
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "killed":
    Registry.observe = dies
options = "--name x --epochs 1 --layers 2 --units 8 --compile graph --checkpoint-seconds 0".split()
sys.exit(main(["resume", "runs/x"] if sys.argv[1] == "resume" else ["run", "realnvp", *options]))
"""


@pytest.mark.slow
@needs_sigkill
def test_a_run_is_made_killed_and_resumed_without_fcntl(tmp_path):
    def tfgen(what):
        command = [sys.executable, "-c", PROGRAM, what]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ)

    killed = tfgen("killed")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = tmp_path / "runs" / "x"
    assert (run / ".lock-held").exists()  # the lock of a dead process
    done = tfgen("resume")
    assert done.returncode == 0, done.stderr
    assert (run / "results.json").exists()
    assert not (run / ".lock-held").exists()
    assert "lock" not in done.stderr
