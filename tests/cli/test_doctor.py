"""`tfgen doctor`, and the line about another project's distribution of the same import name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfgen
from tfgen.cli.commands import doctor
from tfgen.cli.context import CommandContext
from tfgen.cli.main import main
from tfgen.cli.name_conflict import conflicting_version
from tfgen.plugin.specs import DataSources
from tfgen.version import DISTRIBUTION, VERSION

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Return a function that puts the metadata of a distribution first on the path."""

    def install(name: str, version: str, summary: str = "", *lines: str) -> None:
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        head = [f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *head, *lines, ""]))
        if str(tmp_path / "site") not in sys.path:
            monkeypatch.syspath_prepend(tmp_path / "site")

    return install


def findings(capsys, *arguments, code):
    """Run `tfgen doctor --json` and return status, text and advice of each check by name."""
    capsys.readouterr()
    assert main([*map(str, arguments), "doctor", "--json"]) == code
    return {found["check"]: found for found in json.loads(capsys.readouterr().out)}


def test_the_name_stands_once_more_in_setup_cfg():
    (name,) = re.findall(r"^name = (.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert name == DISTRIBUTION
    assert "version = attr: tfgen.version.VERSION" in (ROOT / "setup.cfg").read_text()


def test_all_is_well(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    found = findings(capsys, code=0)
    assert {one["status"] for one in found.values()} == {"ok", "note"}
    assert found[DISTRIBUTION]["found"] == VERSION
    assert {"python", "tensorflow", "tensorflow-probability", "tf_keras", "keras", "filelock"} <= set(found)
    assert found["data folder"]["found"] == f"{tmp_path / 'data'} (not made yet)"
    assert found["mnist"]["status"] == "note"
    assert "--manual-dir" in found["mnist"]["advice"]
    assert Path(found["import tfgen"]["found"]) == Path(tfgen.__file__).parent
    assert {"flows", "vae", "bench"} <= set(found["plugins"]["found"].split(", "))
    assert found["devices"]["found"]


def test_problems_are_a_table_and_a_line_and_exit_code_1(capsys, tmp_path, monkeypatch, distribution):
    monkeypatch.setattr(doctor, "check_devices", lambda context: doctor.Finding("devices", "ok", "CPU"))
    distribution("tfgen", "0.6.1", "Generates features")
    capsys.readouterr()
    assert main(["doctor", "--data-dir", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert re.search(r"package name +problem +another project's package tfgen 0\.6\.1 is installed", out)
    assert "run: pip uninstall tfgen" in out
    assert err == "tfgen: problems: package name; the table has advice for each.\n"


def test_a_plugin_that_fails(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "check_devices", lambda context: doctor.Finding("devices", "ok", "CPU"))
    site = tmp_path / "site"
    (site / "broken-1.0.dist-info").mkdir(parents=True)
    (site / "broken-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (site / "broken-1.0.dist-info/entry_points.txt").write_text("[tfgen]\nbroken = broken_plugin\n")
    (site / "broken_plugin.py").write_text("raise RuntimeError('no licence for this')\n")
    monkeypatch.syspath_prepend(site)
    found = findings(capsys, code=1)["plugin broken"]
    assert found["status"] == "problem"
    assert "no licence for this" in found["found"]
    assert "-p no:broken" in found["advice"]
    assert "plugin broken" not in findings(capsys, "-p", "no:broken", code=0)


def test_versions_that_are_not_those_asked_for(distribution):
    asked = [
        "Requires-Python: <3.5",
        "Requires-Dist: numpy<1",
        "Requires-Dist: nothing-of-that-name>=2",
        "Requires-Dist: pluggy",
    ]
    distribution(DISTRIBUTION, "9.9", "", *asked, "Requires-Dist: torch>=99; extra == 'peers'")
    found = {one.check: one for one in doctor.check_versions()}
    assert set(found) == {DISTRIBUTION, "python", "numpy", "nothing-of-that-name", "pluggy"}
    assert found["python"].status == "problem"
    assert found["numpy"].status == "problem"
    assert found["numpy"].advice == "run: pip install 'numpy<1'"
    assert found["nothing-of-that-name"].found == "not installed, asked for is >=2"
    assert found["pluggy"].status == "ok"


def test_tf_keras_of_another_minor_version(distribution):
    assert not list(doctor.check_tf_keras())
    distribution("tf_keras", "2.18.0")
    (found,) = doctor.check_tf_keras()
    assert re.fullmatch(r"2\.18\.0 beside TensorFlow 2\.\d+\.\d+", found.found)
    assert re.fullmatch(r"run: pip install 'tf_keras==2\.\d+\.\*'", found.advice)


def test_not_installed_at_all(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTION", "nothing-of-that-name")
    (found,) = doctor.check_versions()
    assert (found.status, found.found) == ("problem", "not installed")


def test_a_tensorflow_that_does_not_load(monkeypatch):
    def fail(*arguments, **options):
        raise ImportError("libtensorflow_cc.so.2: cannot open\nshared object file")

    monkeypatch.setattr("tfgen.runtime.load_tensorflow", fail)
    found = doctor.check_devices(CommandContext((), False))
    assert found.status == "problem"
    assert found.found == "TensorFlow does not load: libtensorflow_cc.so.2: cannot open shared object file"


def test_a_driver_without_the_libraries_of_the_gpu(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    found = doctor.check_devices(CommandContext((), False))
    assert found.status == "problem"
    assert "pip install '.[gpu]'" in found.advice
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.check_devices(CommandContext((), False)).status == "ok"


def test_folders_that_cannot_be_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    found = {one.check: one for one in doctor.check_data(DataSources(str(file / "data")))}
    assert found["data folder"].status == "problem"
    assert f"{file} is not a folder" in found["data folder"].found
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    found = {one.check: one for one in doctor.check_data(DataSources(str(tmp_path / "data")))}
    assert found["data folder"].found == f"{tmp_path / 'data'} cannot be written"
    assert "--data-dir DIR" in found["data folder"].advice


def test_mnist_is_found(tmp_path, prepared_data_dir):
    found = {one.check: one for one in doctor.check_data(DataSources(str(prepared_data_dir)))}
    assert found["mnist"].status == "ok"
    assert Path(found["mnist"].found) == prepared_data_dir / "tfgen" / "mnist"


def test_an_empty_namespace_in_the_folder_above(tmp_path, monkeypatch):
    (tmp_path / "tfgen").mkdir()
    folders = [entry for entry in sys.path if entry and not (Path(entry) / "tfgen/__init__.py").is_file()]
    assert doctor.check_import(ROOT).status == "ok"
    monkeypatch.setattr(sys, "path", folders)
    found = doctor.check_import(tmp_path)
    assert found.status == "problem"
    assert str(tmp_path / "tfgen") in found.found
    assert doctor.check_import(tmp_path / "tfgen").status == "ok"


def test_a_stranger_is_named_in_one_line_by_every_command(capsys, distribution):
    assert conflicting_version() is None
    assert main(["list"]) == 0
    assert capsys.readouterr().err == ""
    distribution("tfgen", "0.6.1", "Generates features")
    assert main(["list"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: another project's package tfgen 0.6.1 is installed beside tfgen-prob")
    assert "run: pip uninstall tfgen" in line


def test_an_earlier_installation_of_this_project_is_no_stranger(distribution):
    (summary,) = re.findall(r"^description = (.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    distribution("tfgen", "0.1.0", summary)
    assert conflicting_version() is None


def test_the_line_does_not_cost_tensorflow():
    light = "assert not {'tensorflow', 'numpy'} & set(sys.modules)"
    code = f"import sys, tfgen.cli.name_conflict as c; c.conflict_warning(); {light}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=os.environ)
