"""Packs on the Hugging Face Hub: the real client against a stand-in on the loopback; its errors become one line."""

from __future__ import annotations

import builtins
import errno
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

import tfgen
from tests.packs.hub_stand_in import TOKEN, serving
from tfgen.cli.main import main

#: The client's own, of how it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The stand-in, to which the client talks; with a token, and no transfers by Xet, which it does not speak."""
    from huggingface_hub import constants

    with serving() as (held, address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield held


def test_a_run_is_pushed_and_pulled(hub, tiny_run, capsys):
    assert main(["pack", str(tiny_run), "--push", "ada/tiny", "--private", "--licence", "CC-BY-4.0"]) == 0
    assert "next      tfgen import --pull ada/tiny" in capsys.readouterr().out
    assert hub.private == {"ada/tiny": True}
    assert {*hub.files["ada/tiny"]} == {"run.tfgen", "README.md"}
    _, head, card = hub.files["ada/tiny"]["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "tfgen", "license": "cc-by-4.0", "pipeline_tag": "unconditional-image-generation",
        "tags": ["tfgen", "generative-model", "realnvp"],
    }  # fmt: skip
    assert card.startswith("\n# tiny\n")
    assert not any(Path().iterdir())

    assert main(["import", "--pull", "ada/tiny", "--runs-dir", "here", "--name", "pulled"]) == 0
    samples = [tfgen.load(folder).model.sample(3, seed=0) for folder in (tiny_run, "here/pulled")]
    np.testing.assert_array_equal(*samples)
    assert [path.name for path in Path().iterdir()] == ["here"]

    assert main(["pack", str(tiny_run), "--push", "ada/tiny", "--licence", "My own: words"]) == 0  # a new version
    head = hub.files["ada/tiny"]["README.md"].decode().split("---\n", 2)[1]
    assert yaml.safe_load(head)["license_name"] == "my-own-words"


def test_a_public_repository_is_no_private_one(hub, tiny_run, capsys):
    hub.private["ada/open"], hub.files["ada/open"] = False, {}
    assert main(["pack", str(tiny_run), "--push", "ada/open", "--private"]) == 2
    assert "ada/open is a public repository, and nothing was uploaded" in capsys.readouterr().err
    assert hub.files == {"ada/open": {}}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pull", "ada/none"], "there is none of this name for you: mind the spelling"),
        (["--pull", "ada/empty"], "it has no run.tfgen"),
        (["--pull", "ada/empty", "--revision", "v9"], "it has no revision 'v9'"),
        (["--pull", "ada"], "is no repository; name it as OWNER/NAME"),
        (["--pull", "ada/wrong"], "is no pack, or it is cut short"),
    ],
)
def test_what_cannot_be_pulled(hub, words, says, capsys):
    hub.private |= {"ada/empty": False, "ada/wrong": False}
    hub.files |= {"ada/empty": {}, "ada/wrong": {"run.tfgen": b"not a zip file"}}
    assert main(["import", *words]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert says in error
    assert not any(Path().iterdir())


@pytest.mark.parametrize(
    ("status", "says"), [(401, "log in with"), (403, "the Hub refuses (403)"), (429, "429"), (500, "500")]
)
def test_refusals_and_failures_of_the_hub(hub, status, says, tiny_run, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between tries of the client
    hub.status = status
    assert main(["pack", str(tiny_run), "--push", "ada/tiny", "--out", "kept.tfgen"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("tfgen: cannot push to ada/tiny: ")
    assert says in error
    assert tfgen.load("kept.tfgen").name == "tiny"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError("timed out"), "TimeoutError: timed out; try again later"),
        (OSError(errno.ENOSPC, "x"), "OSError: No space left on device"),
        (RuntimeError("a\nb\x1b[2J"), "RuntimeError: a b"),
    ],
    ids=["timeout", "disk", "other"],
)
def test_other_errors_of_the_client(hub, error, says, capsys, monkeypatch):
    from huggingface_hub import HfApi

    def failing(*arguments, **named):
        raise error

    monkeypatch.setattr(HfApi, "hf_hub_download", failing)
    assert main(["import", "--pull", "ada/tiny"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not any(Path().iterdir())


def test_without_a_token(hub, tiny_run, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert main(["pack", str(tiny_run), "--push", "ada/tiny"]) == 2
    assert "log in with `hf auth login` or set HF_TOKEN" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("words", [["pack", "{run}", "--push", "ada/x"], ["import", "--pull", "ada/x"]])
def test_without_a_network(hub, words, tiny_run, capsys, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    assert main([word.format(run=tiny_run) for word in words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("tfgen: cannot pu")
    assert not any(Path().iterdir())


def test_the_extra_is_named_where_it_is_missing(tiny_run, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "huggingface_hub" else found(name, *more)
    )
    for words in (["pack", str(tiny_run), "--push", "ada/x"], ["import", "--pull", "ada/x"]):
        assert main(words) == 2
        assert "pip install 'tfgen-prob[hub]'" in capsys.readouterr().err


def test_nothing_else_asks_the_network(hub, tiny_run, tmp_path, monkeypatch):
    """Packing, importing and loading do without the client as well."""
    imported = builtins.__import__

    def refusing(name, *more, **named):
        assert name.partition(".")[0] != "huggingface_hub"
        return imported(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", refusing)
    assert main(["pack", str(tiny_run), "--out", "x.tfgen"]) == 0
    assert main(["import", "x.tfgen"]) == 0
    tfgen.load("x.tfgen")
    assert hub.requests == []
