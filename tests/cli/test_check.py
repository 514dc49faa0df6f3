"""`tfgen check`: exit codes, the table, what a mistake in a plugin's file looks like; and the warning about a KL below zero."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tfgen.cli.commands.check import print_outcomes
from tfgen.cli.commands.new import one_file
from tfgen.cli.main import main
from tfgen.data.toy import load_two_gaussians
from tfgen.testing import CHECKS, Outcome
from tfgen.testing.check import Check

WITHOUT_LOG_DETERMINANT = (
    "tfd.TransformedDistribution(self.prior(), self.bijector()).log_prob(t) + log_determinant",
    "self.prior().log_prob(self.encode(x, seed=seed))",
)
QUICK = ["--batch-size", "5000"]


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes a plugin's file with some of its text replaced."""

    def written(*replaced, name="mymodel"):
        text = one_file(name)
        for before, after in replaced:
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return str(path)

    return written


def statuses(out):
    rows = [line.split() for line in out.splitlines()]
    names = {check.name for check in CHECKS}
    return {row[0]: row[1] for row in rows if row and row[0] in names}


def test_a_flow_without_its_log_determinant_fails(plugin, capsys):
    file = plugin(WITHOUT_LOG_DETERMINANT)
    density = ["log_determinants_match_the_jacobian", "densities_integrate_to_one", "samples_follow_the_density"]
    assert main(["check", file, "--data", "two_gaussians", *QUICK, "--only", *density]) == 1
    printed = capsys.readouterr()
    assert statuses(printed.out) == dict(zip(density, ("failed", "skipped", "skipped"), strict=True))
    assert "it requires log_determinants_match_the_jacobian, which fails" in printed.out
    assert "1 check failed: log_determinants_match_the_jacobian (mymodel on two_gaussians)" in printed.err
    assert main(["check", file, "--data", "digits", "--only", *density]) == 1
    assert set(statuses(capsys.readouterr().out).values()) == {"failed", "skipped"}


def test_a_file_that_is_a_plugin_already_is_checked_once(plugin, capsys):
    file = plugin()
    assert main(["-p", file, "check", file, "--data", "two_gaussians", *QUICK, "--only", "model_can_be_built"]) == 0
    assert statuses(capsys.readouterr().out) == {"model_can_be_built": "passed"}


def test_a_run_of_it_warns(plugin, tmp_path, monkeypatch, capsys, no_pictures):
    monkeypatch.chdir(tmp_path)
    run = ["run", "mymodel", "--data", "two_gaussians", "--epochs", "8", "--compile", "graph", *QUICK]
    file = plugin(WITHOUT_LOG_DETERMINANT)
    assert main(["-p", file, *run]) == 0
    out = capsys.readouterr().out
    assert f"next      tfgen -p {file} sample runs/mymodel-two_gaussians" in out
    (warning,) = [line for line in out.splitlines() if line.startswith("warning: test")]
    assert "no KL divergence is below zero" in warning
    results = json.loads((tmp_path / "runs/mymodel-two_gaussians/results.json").read_text())
    assert results["test"]["kl_nats"]["value"] < 0
    assert main(["info", "runs/mymodel-two_gaussians"]) == 0
    assert warning in capsys.readouterr().out


def test_densities_that_are_no_numbers_are_named_and_nothing_is_lost(
    plugin, tmp_path, monkeypatch, capsys, no_pictures
):
    """The loss is sound, so that training ends well; log_prob is NaN for a part of the plane."""
    monkeypatch.chdir(tmp_path)
    density = WITHOUT_LOG_DETERMINANT[0]
    nan = f"({density}) * tf.where(x[:, 0] > 1.5, float('nan'), 1.0)"
    sound = density.replace("(t) + log_determinant", "(self.codec.encode(batch.x, seed)[0])")
    file = plugin((density, nan), ("self.log_prob(batch.x, seed=seed)", sound))
    run = ["run", "mymodel", "--data", "two_gaussians", "--epochs", "1", "--compile", "graph", *QUICK]
    assert main(["-p", file, *run]) == 0
    (warning,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: test"))
    folder = tmp_path / "runs/mymodel-two_gaussians"
    found = json.loads((folder / "results.json").read_text())["test"]
    beyond = np.flatnonzero(load_two_gaussians().test.x[:, 0] > 1.5)
    assert found["nll_nats"]["value"] is None
    assert found["nll_nats"]["not_finite"] == {"examples": len(beyond), "first": beyond[0]}
    count = f"log_prob is not finite for {len(beyond)} of {found['nll_nats']['basis']['examples']} examples"
    assert f"{count} (the first: example {beyond[0]}), and so the mean in nll_nats, kl_nats;" in warning
    assert main(["-p", file, "evaluate", str(folder), "--split", "test"]) == 0
    assert warning in capsys.readouterr().out
    assert main(["info", str(folder)]) == 0
    assert warning in capsys.readouterr().out


@pytest.mark.parametrize(
    ("replaced", "says"),
    [
        (("@hookimpl", ""), "'tfgen_register' is not decorated with @tfgen.hookimpl"),
        (("alpha: float = 1e-6", "alpha: float = "), "does not load: SyntaxError: invalid syntax"),
        (('name="mymodel"', 'name="My model"'), "a name has lower-case letters"),
    ],
)
def test_a_file_that_does_not_load_is_one_line(plugin, replaced, says, capsys):
    assert main(["check", plugin(replaced)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_model_that_cannot_be_built_fails_one_check(plugin, capsys):
    file = plugin(("self.density = ", "self.density = self.nothing or "))
    assert main(["check", file, "--data", "two_gaussians"]) == 1
    out = capsys.readouterr().out
    found = statuses(out)
    assert {name for name, status in found.items() if status == "failed"} == {"model_can_be_built"}
    assert "has no attribute 'nothing'" in " ".join(out.split())
    assert set(found.values()) == {"failed", "skipped"}


def test_each_model_of_a_file_is_checked(plugin, capsys):
    second = 'registry.add_model(ModelSpec("second", MymodelConfig, mymodel, "Another name."))\n    registry.add_model('
    file = plugin(("registry.add_model(", second))
    assert main(["check", file, "--data", "digits", "--only", "model_can_be_built"]) == 0
    out = capsys.readouterr().out
    assert "mymodel on digits" in out
    assert "second on digits" in out


def test_a_file_without_a_model_is_told(tmp_path, capsys):
    path = tmp_path / "observer.py"
    path.write_text("from tfgen import hookimpl\n\n@hookimpl\ndef tfgen_run_started(run):\n    pass\n")
    assert main(["check", str(path)]) == 0
    assert f"{path} loads, and adds neither a model nor a data set" in capsys.readouterr().out


def test_a_plugin_that_loads_tensorflow_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "tensorflow")
    path = tmp_path / "heavy.py"
    hook = "from tfgen import hookimpl\n\n@hookimpl\ndef tfgen_run_started(run):\n    pass\n"
    path.write_text(f'import sys\nsys.modules["tensorflow"] = sys\n{hook}')
    assert main(["check", str(path)]) == 0
    assert "note: TensorFlow is loaded with a plugin, and every `tfgen list` waits for it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "which model? Give its name, or the file of a plugin"),
        (("nothing",), "unknown model 'nothing'"),
        (("nothing.py",), "there is no file"),
        (("realnvp", "--layer", "3"), "did you mean '--layers'?"),
        (("realnvp", "--data", "digit"), "did you mean 'digits'?"),
        (("realnvp", "--only", "bounds_are_order"), "did you mean 'bounds_are_ordered'?"),
        (("pixelcnn", "--data", "two_gaussians"), "takes none of the data"),
    ],
)
def test_bad_input_is_one_line(arguments, says, capsys):
    assert main(["check", *arguments]) == 2
    error = capsys.readouterr().err.replace("loading TensorFlow ...\n", "")
    assert says in error
    assert error.count("\n") == 1


def test_what_takes_longer_than_its_budget_is_told(capsys):
    under_test = SimpleNamespace(model="mymodel", config=SimpleNamespace(data="digits"))
    print_outcomes(under_test, [Outcome("slow_one", "passed", 31.2, 20.0), Outcome("quick_one", "passed", 1.0, 20.0)])
    out = capsys.readouterr().out
    assert "31.2 of 20" in out
    assert "over their budget (told as SECONDS of BUDGET): slow_one" in out


def test_every_check_has_a_budget_and_says_what_it_checks():
    for check in CHECKS:
        assert isinstance(check, Check)
        assert 0 < check.seconds <= 60
        assert check.__doc__.startswith("Check ")
        assert all(CHECKS.index(other) < CHECKS.index(check) for other in check.requires)


DATA_ALONE = """
import numpy as np
import tfgen


def load(sources):
    random = np.random.default_rng(SEED)
    x = random.normal(size=(30, 2)).astype(np.float32)
    spec = tfgen.DataSpec(kind="vector", shape=(2,))
    return tfgen.Dataset("points", spec, dict.fromkeys(("train", "valid", "test"), tfgen.Split(x)))


@tfgen.hookimpl
def tfgen_register(registry):
    registry.add_dataset(tfgen.DatasetSpec("points", load, "30 points"))
"""


def test_data_sets_of_a_file_are_loaded_twice(tmp_path, capsys):
    file = tmp_path / "points.py"
    file.write_text(DATA_ALONE.replace("SEED", "0"))
    assert main(["check", str(file)]) == 0
    out = capsys.readouterr().out
    assert "data set points: vectors of floats [batch, 2]; train 30, valid 30, test 30" in out
    assert "adds no model" in out
    file.write_text(DATA_ALONE.replace("SEED", ""))
    assert main(["check", str(file)]) == 2
    error = capsys.readouterr().err
    assert "data set 'points': split 'train' has other examples each time that it is loaded" in error
    assert "fixed seed" in error
