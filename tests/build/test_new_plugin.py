"""A distribution that `tfgen new --package` writes, installed as a user would: found, checked, and its own tests pass."""

import os
import subprocess
import sys

import pytest

from tfgen.cli.main import main


@pytest.mark.slow
def test_a_package_is_installed_and_passes(tmp_path):
    """Installed into a folder of its own, found by its entry point, checked, and its tests run."""
    assert main(["new", "mymodel", "--package", "--out", str(tmp_path)]) == 0
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, *install, str(tmp_path / "tfgen-mymodel")], check=True)
    environment = os.environ | {"PYTHONPATH": str(site)}
    options = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
    listed = subprocess.run([sys.executable, "-m", "tfgen", "plugins"], **options)
    assert "tfgen-mymodel" in listed.stdout
    checked = subprocess.run([sys.executable, "-m", "tfgen", "check", "mymodel"], **options)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tfgen-mymodel/tests"]
    tested = subprocess.run([*tests, "-k", "log_determinants or integrate or can_be_built"], **options)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "5 passed, 1 skipped" in tested.stdout
