"""The core names no built-in model: hints say the capability, or ask the registry. Summaries of models stand alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfgen
from tests.toy_models import Gaussian, spec
from tfgen import ModelSpec
from tfgen.cli.main import main
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import field_names

ROOT = Path(__file__).parents[2]
CORE = [*(ROOT / "tfgen").rglob("*.py"), *(ROOT / "tfgen").rglob("*.pyi")]
REGISTRY = load_registry()
BUILT_IN = [spec for name, spec in REGISTRY.models.items() if REGISTRY.model_origin(name).kind == "built-in"]
#: How the built-in models are written elsewhere; PixelCNN++ is a paper that a formula is cited from, and two metrics of
#: disentanglement are called after the papers that have them.
_MODELS = "|".join(spec.name for spec in BUILT_IN if spec.name != "nice")
NAMES = re.compile(
    rf"(?<![a-z])(?<!beta[-_])(?<!factor_)({_MODELS}|real[ -]nvp|wgan|dcgan)(?![a-z]|\+\+)", re.IGNORECASE
)


def test_the_search_finds_names():
    assert {spec.name for spec in BUILT_IN} >= {"realnvp", "nice", "vae", "cvae", "gan", "pixelcnn"}
    for text in ("tfgen run realnvp", "such as pixelcnn.", "a GAN)", "runs/realnvp-digits", "Real NVP", "cvae_x"):
        assert NAMES.search(text), text
    for text in ("organ", "elegant", "PixelCNN++: 2017", "vaex", "beta-VAE score", "factor_vae_score"):
        assert not NAMES.search(text), text


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_model(path):
    lines = path.read_text().splitlines()
    found = [f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if NAMES.search(line)]
    assert not found


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_a_summary_stands_alone(spec):
    for begins in ("The same", "As ", "Like ", "Another "):
        assert not spec.summary.startswith(begins)
    assert spec.summary.endswith(".")
    assert len(spec.summary.splitlines()) == 1
    assert spec.reference


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_what_the_list_says_of_labels_is_so(spec):
    tfgen.GenerativeModel  # noqa: B018 - loads TensorFlow quietly
    always = getattr(spec.factory(), "conditional", False)
    assert spec.takes_labels == (always or "conditional" in field_names(spec.config))


def test_the_list_says_who_takes_labels(capsys):
    assert main(["list"]) == 0
    rows = [
        [cell.strip() for cell in re.split(r"\s{2,}", line.strip())] for line in capsys.readouterr().out.splitlines()
    ]
    said = {row[0]: row[-2] for row in rows if row[0] in REGISTRY.models}
    assert said == {spec.name: "yes" if spec.takes_labels else "no" for spec in BUILT_IN}


def test_examples_come_from_the_registry(capsys):
    assert main(["--help"]) == 0
    assert f"Start with: tfgen run {REGISTRY.example}\n" in capsys.readouterr().out
    assert main(["-p", "no:flows", "--help"]) == 0
    assert "Start with: tfgen run gan\n" in capsys.readouterr().out
    registry = tfgen.Registry()
    assert registry.example == "MODEL"
    registry.add_model(spec(Gaussian, takes_labels=True))
    assert registry.example == "gaussian"
    registry.add_model(ModelSpec("zebra", spec(Gaussian).config, "a:b", "Striped."))
    assert registry.example == "zebra"
