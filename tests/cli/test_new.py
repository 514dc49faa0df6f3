"""`tfgen new`: what is written passes `tfgen check` as it is, loads no TensorFlow when listed, and overwrites nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import LOOKING_AROUND
from tfgen.cli.commands.new import one_file, package_files
from tfgen.cli.main import main

NAMES = ("mymodel", "my_second_model2")


@pytest.mark.slow
def test_one_file_passes_the_check(tmp_path, capsys):
    assert main(["new", "mymodel", "--out", str(tmp_path)]) == 0
    file = tmp_path / "mymodel.py"
    assert f"tfgen check {file}" in capsys.readouterr().out
    assert main(["check", str(file)]) == 0
    out = capsys.readouterr().out
    assert "mymodel on digits" in out
    assert "mymodel on two_gaussians" in out
    assert out.count(" 0 failed") == 2
    passed = {line.split()[0] for line in out.splitlines() if " passed " in line}
    assert {"log_determinants_match_the_jacobian", "densities_integrate_to_one", "samples_follow_the_density"} <= passed


def test_listing_it_loads_no_tensorflow(tmp_path):
    (tmp_path / "mymodel.py").write_text(one_file("mymodel"))
    lists = f'[["-p", "{(tmp_path / "mymodel.py").as_posix()}", "list"]]'
    subprocess.run([sys.executable, "-c", LOOKING_AROUND, lists], check=True, capture_output=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_has_the_house_style(name, tmp_path):
    files = {f"{name}.py": one_file(name), **package_files(name)}
    for path, text in files.items():
        assert "{{" not in text
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    config = Path(__file__).parents[2] / "pyproject.toml"
    for command in (("check",), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(config), "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My-Model", "'My-Model' cannot be the name of a plugin: take lower-case letters"),
        ("2d", "'2d' cannot be the name of a plugin"),
        ("class", "'class' cannot be the name of a plugin"),
        ("../x", "'../x' cannot be the name of a plugin"),
        ("vae", "the name 'vae' is taken by plugin 'vae'"),
        ("realnvp", "the name 'realnvp' is taken by plugin 'flows'"),
    ],
)
@pytest.mark.parametrize("package", [(), ("--package",)])
def test_a_name_that_cannot_be_is_refused(name, says, package, tmp_path, capsys):
    assert main(["new", name, "--out", str(tmp_path), *package]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("package", "made"), [((), "mymodel.py"), (("--package",), "tfgen-mymodel")])
def test_nothing_is_overwritten(package, made, tmp_path, capsys):
    (tmp_path / made).touch()
    assert main(["new", "mymodel", "--out", str(tmp_path), *package]) == 2
    assert f"{tmp_path / made} is there already, and nothing is overwritten" in capsys.readouterr().err
    assert not (tmp_path / made).read_bytes()


def test_a_place_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["new", "mymodel", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot write" in capsys.readouterr().err
