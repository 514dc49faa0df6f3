"""Python interface: `quiet=True` writes nothing, not even what TensorFlow logs while it loads."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import tfgen

small = dict(data="two_gaussians", epochs=1, layers=2, units=8, batch_size=5000, compile="graph", pictures=False)
run = tfgen.train("realnvp", quiet=True, runs_dir=sys.argv[1], **small)
again = tfgen.load(run.folder)
again.model.sample(4, seed=0)
again.evaluate("valid")
"""


@pytest.mark.slow
def test_nothing_is_written(tmp_path):
    program = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""
