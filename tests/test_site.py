"""The documentation site: built strictly, with every public name, its formulas and sources, and nothing from elsewhere."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import site_hooks

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md"))


@pytest.fixture(scope="module")
def site(once):
    """The site, as `make docs` builds it; strict, so that a broken link or a missing name ends it."""

    def make(folder):
        command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder / "site")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return once("site", make) / "site"


def test_every_page_is_there(site):
    missing = [page for page in PAGES if not (site / html_of(page)).exists()]
    assert not missing


def html_of(page: Path) -> Path:
    return page.with_name("index.html") if page.name == "README.md" else page.with_suffix(".html")


@pytest.mark.parametrize("package", site_hooks.PACKAGES)
def test_every_public_name_has_its_docstring(site, package):
    names = importlib.import_module(package).__all__
    text = (site / f"api/{package}.html").read_text()
    assert sorted(site_hooks.public_names(package)) == sorted(names)
    assert not [name for name in names if f'id="{package}.{name}"' not in text]


def test_formulas_are_mathml(site):
    text = (site / "learn/elbo.html").read_text()
    assert text.count("<math ") > 20
    for page in site.rglob("*.html"):
        if "source" not in page.relative_to(site).parts:
            assert 'class="arithmatex">\\' not in page.read_text(), page


def test_nothing_is_loaded_from_elsewhere(site):
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]*?(?:src|href)="?(https?:|//)[^>]*>')
    assert not [page for page in site.rglob("*.html") if loaded.search(page.read_text())]
    assert 'src="../search_from_file.js"' in (site / "learn/elbo.html").read_text()


def test_links_to_code_lead_to_it(site):
    assert 'href="../source/plugins/vae/model.py.html"' in (site / "learn/reparameterisation.html").read_text()
    assert "Variational autoencoder (Kingma, Welling 2014)" in (site / "source/plugins/vae/model.py.html").read_text()


@pytest.mark.parametrize(
    ("page", "target", "path"),
    [
        ("learn/elbo.md", "../../plugins/vae/model.py", "plugins/vae/model.py"),
        ("plugins/one_file.md", "../examples/histogram.py", "docs/examples/histogram.py"),
        ("stability.md", "../CHANGELOG.md", "CHANGELOG.md"),
        ("plugins/README.md", "../data/plugin.md", None),
        ("learn/elbo.md", "../results/flows_mnist_samples.png", None),
        ("learn/elbo.md", "../../plugins", None),
    ],
)
def test_targets_outside_the_pages(page, target, path):
    assert site_hooks.outside(page, target) == path


def test_links_are_rewritten_and_code_is_not():
    text = "See [a](../../tfgen/seeds.py#L3) and [b](elbo.md).\n```md\n[a](../../tfgen/seeds.py)\n```\n"
    moved = "See [a](../source/tfgen/seeds.py.md) and [b](elbo.md).\n```md\n[a](../../tfgen/seeds.py)\n```\n"
    assert site_hooks.rewritten("learn/elbo.md", text) == moved


def test_functions_stand_apart_from_their_argument():
    assert "<mi>log</mi><mspace" in site_hooks.mathml(r"\log p(x)", block=False)
    assert "<mspace" not in site_hooks.mathml(r"\log(x)", block=False)
    assert 'display="block"' in site_hooks.mathml("x", block=True)
