"""Options of every type: in the help, on the command line, in the run's folder, in Python, in sweeps and on pages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tfgen
from tfgen.cli.main import main
from tfgen.errors import OptionError, UnknownNameError

PLUGIN = '''
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.toy_models import Gaussian, vectors
from tfgen import DatasetSpec, ModelSpec, hookimpl, require_option
from tfgen.seeds import normal


class Colour(enum.Enum):
    RED = 1
    DARK_BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    """Options of the inside of the encoder."""

    deep: bool = False
    """A boolean option within the nested ones."""


@dataclass(frozen=True)
class Encoder:
    """Options of the encoder."""

    layers: int = 2
    """Layers of the encoder."""
    inner: Inner = Inner()

    def __post_init__(self):
        require_option(self.layers >= 1, "layers", self.layers, "at least 1")


@dataclass(frozen=True)
class Config:
    """Options of every type."""

    start: float = 0.0
    """Where the mean starts."""
    tint: Colour = Colour.RED
    """Colour of nothing."""
    where: Path = Path("a/b")
    """A file."""
    pair: tuple[int, float] = (1, 2.0)
    """A pair."""
    tints: tuple[Colour, ...] = ()
    """Several tints."""
    some: int | None = None
    """A number or none."""
    extent: int | Literal["auto"] = "auto"
    """An extent."""
    bound: float = float("inf")
    """A bound."""
    flag: bool | None = None
    """True, false or neither."""
    encoder: Encoder = Encoder(layers=3)


class Mine(Gaussian):
    """Is built with typed options, and says so if not."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        assert isinstance(config.tint, Colour) and isinstance(config.where, Path), config
        assert isinstance(config.encoder.inner, Inner) and isinstance(config.pair, tuple), config


@dataclass(frozen=True)
class Sampling:
    """Options of sampling."""

    tint: Colour = Colour.RED
    """RED moves nothing, DARK_BLUE moves by 1000."""
    shift: float = 0.0
    """Added."""


class Typed(Mine):
    def sample(self, n, labels=None, seed=0, first=0, tint=Colour.RED, shift=0.0):
        assert isinstance(tint, Colour), tint
        return super().sample(n, labels, seed, first) + shift + 1000.0 * (tint is Colour.DARK_BLUE)


@hookimpl
def tfgen_register(registry):
    training = {"epochs": 1, "batch_size": 16, "compile": "graph", "chunk_steps": 4}
    registry.add_model(ModelSpec("3d-mine", Config, Typed, "Mine.", training=training, sampling=Sampling))
    registry.add_dataset(DatasetSpec("vectors", lambda sources: vectors(), summary="Vectors."))
'''

WORDS = [
    "--tint", "DARK_BLUE", "--where", "c/d e", "--pair", "3", "4", "--tints", "RED", "DARK_BLUE", "--some", "5",
    "--extent", "7", "--bound", "1.5", "--flag", "False", "--encoder.layers", "9", "--encoder.inner.deep",
]  # fmt: skip
CHOSEN = {
    "start": 0.0, "tint": "DARK_BLUE", "where": "c/d e", "pair": [3, 4.0], "tints": ["RED", "DARK_BLUE"], "some": 5,
    "extent": 7, "bound": 1.5, "flag": False, "encoder": {"layers": 9, "inner": {"deep": True}},
}  # fmt: skip
USUAL = {
    "start": 0.0, "tint": "RED", "where": "a/b", "pair": [1, 2.0], "tints": [], "some": None, "extent": "auto",
    "bound": "inf", "flag": None, "encoder": {"layers": 3, "inner": {"deep": False}},
}  # fmt: skip


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(PLUGIN)
    return str(path)


@pytest.fixture
def command(plugin, tmp_path, monkeypatch, capsys, no_pictures):
    """Run a command in an empty folder; return its exit code, and what it printed."""
    monkeypatch.chdir(tmp_path)

    def command(*words):
        capsys.readouterr()
        code = main(["-p", plugin, *map(str, words)])
        return (code, *capsys.readouterr())

    return command


def recorded(folder):
    return json.loads((Path(folder) / "config.json").read_text())["options"]


def test_the_help_shows_them(command, capsys):
    with pytest.raises(SystemExit):
        command("run", "3d-mine", "--help")
    said = " ".join(re.sub("[│]", " ", capsys.readouterr().out).split())
    for words in (
        "--tint {RED,DARK_BLUE} Colour of nothing. (default: RED)", "--where PATH A file. (default: a/b)",
        "--encoder.layers INT Layers of the encoder. (default: 3)", "--encoder.inner.deep, --encoder.inner.no-deep",
        "--epochs INT", "training options", "encoder options", "--extent INT|{auto}",
    ):  # fmt: skip
        assert words in said


def test_from_the_command_line_to_the_folder_and_back(command, plugin):
    assert command("run", "3d-mine", "--data", "vectors", "--name", "a", *WORDS)[0] == 0
    assert recorded("runs/a") == CHOSEN
    run = tfgen.load("runs/a", plugins=[plugin])
    assert run.config.to_json()["options"] == CHOSEN
    assert run.config.options.encoder.inner.deep is True
    run.model  # noqa: B018 - which is built with typed options

    (Path("runs/a") / "results.json").unlink()  # as if it had been stopped before its end
    assert command("resume", "runs/a")[0] == 0
    assert command("run", "--config", "runs/a/config.json", "--name", "b", "--encoder.layers", "4")[0] == 0
    assert recorded("runs/b") == CHOSEN | {"encoder": {"layers": 4, "inner": {"deep": True}}}
    assert "encoder.inner.deep=True" in command("info", "runs/a")[1]
    assert re.search(r"encoder.layers +9 +4", command("compare", "runs/a", "runs/b")[1])

    code, out, err = command("sample", "runs/a", "--count", 5, "--tint", "DARK_BLUE", "--out", "x.npz")
    assert (code, out) == (0, "x.npz\n"), err
    assert command("sample", "runs/a", "--tint", "GREEN")[0] == 2
    model = tfgen.load("runs/a", plugins=[plugin]).model
    assert model.sample(2, shift=5000.0).numpy().min() > 4000
    assert 500 < model.sample(2, tint="DARK_BLUE").numpy().min() < 4000  # which the method gets as a member

    assert command("report", "runs/a", "--out", "page.html")[0] == 0
    page = Path("page.html").read_text()
    for words in (
        "--encoder.layers 9",
        "--encoder.inner.deep",
        "--tint DARK_BLUE",
        "--flag False",
        "&#39;c/d e&#39;",
    ):
        assert words in page


def test_what_is_not_given_is_the_default(command, plugin):
    assert command("run", "3d-mine", "--data", "vectors", "--name", "usual")[0] == 0
    assert recorded("runs/usual") == USUAL
    assert tfgen.load("runs/usual", plugins=[plugin]).config.options.bound == float("inf")


def test_python_takes_the_same(plugin, tmp_path, no_pictures):
    common = {"plugins": [plugin], "runs_dir": tmp_path, "data": "vectors", "quiet": True}
    given = {"tint": "DARK_BLUE", "where": Path("c/d e"), "pair": (3, 4), "some": 5, "extent": 7, "bound": 1.5}
    run = tfgen.train(
        "3d-mine", **common, **given, flag=False, tints=["RED", "DARK_BLUE"], encoder={"inner": {"deep": True}},
        **{"encoder.layers": 9},
    )  # fmt: skip
    assert recorded(run.folder) == CHOSEN
    inner = type(run.config.options.encoder)
    again = tfgen.train("3d-mine", **common, encoder=inner(layers=8), tint=run.config.options.tint)
    assert recorded(again.folder)["encoder"] == {"layers": 8, "inner": {"deep": False}}


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"encoder.layer": 3}, UnknownNameError, "unknown option 'encoder.layer'; did you mean 'encoder.layers'?"),
        ({"encoder": {"layer": 3}}, UnknownNameError, "unknown option 'encoder.layer'; did you mean 'encoder.layers'?"),
        ({"encoder": {"layers": "3"}}, OptionError, "option 'encoder.layers' must be a whole number, got '3'"),
        ({"encoder": 3}, OptionError, "option 'encoder' must be an object of names and values, got 3"),
        ({"encoder.layers": 0}, OptionError, "--encoder.layers must be at least 1, got 0"),
        ({"tint": "GREEN"}, OptionError, "option 'tint' must be one of RED, DARK_BLUE, got 'GREEN'"),
        ({"where": 3}, OptionError, "option 'where' must be a path, got 3"),
        ({"tint.x": 3}, UnknownNameError, "unknown option 'tint.x'"),
    ],
)
def test_python_is_told_what_is_wrong(plugin, tmp_path, options, error, says):
    with pytest.raises(error) as caught:
        tfgen.train("3d-mine", plugins=[plugin], runs_dir=tmp_path / "runs", **options)
    assert says in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tint", "GREEN"], "invalid choice 'GREEN' for argument '--tint'. Expected one of ('RED', 'DARK_BLUE')"),
        (["--encoder.layer", "3"], "unknown option '--encoder.layer'; did you mean '--encoder.layers'?"),
        (["--encoder.layers", "0"], "--encoder.layers must be at least 1, got 0"),
        (["--encoder.layers", "x"], "--encoder.layers must be a whole number, got 'x'"),
        (["--pair", "1"], "--pair"),
    ],
)
def test_a_command_is_told_what_is_wrong(command, words, says):
    code, _, err = command("run", "3d-mine", "--data", "vectors", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_sweep_varies_them(command):
    words = ["sweep", "3d-mine", "--data", "vectors", "--name", "s", "--sample-batch", 0]
    words += ["--vary", "encoder.layers=1,2", "--vary", "tint", "RED", "DARK_BLUE", "--vary", "tints", "RED,RED"]
    code, out, err = command(*words)
    assert code == 0, err
    names = [
        f"3d-mine-encoder.layers={n}-tint={tint}-tints=RED+RED-seed=0" for n in (1, 2) for tint in ("RED", "DARK_BLUE")
    ]
    assert sorted(path.parent.name for path in Path("runs/s").glob("*/config.json")) == sorted(names)
    options = recorded(Path("runs/s") / names[3])
    assert (options["encoder"], options["tint"]) == ({"layers": 2, "inner": {"deep": False}}, "DARK_BLUE")
    content = json.loads(Path("runs/s/sweep.json").read_text())
    assert content["runs"][3]["varied"] == {"encoder.layers": 2, "tint": "DARK_BLUE", "tints": ["RED", "RED"]}
    assert "encoder.layers" in out
    assert command(*words)[0] == 0  # finished runs are left as they are


@pytest.mark.parametrize(
    ("vary", "says"),
    [
        (["encoder.layer=1,2"], "unknown option of 3d-mine 'encoder.layer'; did you mean 'encoder.layers'?"),
        (["encoder.layers=1,x"], "--encoder.layers must be a whole number, got 'x'"),
        (["tint", "GREEN"], "invalid choice 'GREEN' for argument '--tint'"),
        (["encoder.inner.deep", "yes"], "--encoder.inner.deep must be true or false, got 'yes'"),
        (["encoder.layers", "1", "--encoder.layers", "3"], "--encoder.layers is given and varied as well"),
        (["encoder.inner.deep", "true", "--encoder.inner.no-deep"], "--encoder.inner.deep is given and varied as well"),
        (["flag", "maybe"], "'maybe'"),
    ],
)
def test_a_sweep_is_told_what_is_wrong(command, vary, says):
    code, _, err = command("sweep", "3d-mine", "--data", "vectors", "--name", "s", "--vary", *vary)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err
