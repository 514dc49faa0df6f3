"""`tfgen.layers` as a package: lazy, and complete."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tfgen.layers


def test_the_import_alone_loads_neither_tensorflow_nor_keras():
    program = "import sys, tfgen.layers; print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_there_is_refused_by_name():
    with pytest.raises(AttributeError, match="with_lable"):
        _ = tfgen.layers.with_lable


def test_the_logit_codec_is_the_one_that_tfgen_exports():
    assert tfgen.layers.logit_squeeze is tfgen.logit_squeeze
