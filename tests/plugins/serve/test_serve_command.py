"""The command `tfgen serve`: what it refuses before models are loaded, what it prints, and that SIGTERM ends it."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from tfgen.cli.main import main
from tfgen_plugins.serve import server as server_module
from tfgen_plugins.serve.address import bind
from tfgen_plugins.serve.command import TOKEN_VARIABLE

TOKEN = "a-token-of-enough-characters"


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def refused(capsys, *words):
    assert main(["serve", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(("words", "says"), [
    ([], "which runs?"),
    (["RUN", "--port", "70000"], "--port must be from 0 to 65535"),
    (["RUN", "--block", "1"], "--block must be from 2 to 4096"),
    (["RUN", "--timeout", "0"], "--timeout must be from 0.1"),
    (["RUN", "--host", "0.0.0.0"], "needs a token: set TFGEN_SERVE_TOKEN"),
    (["RUN", "--token", "short"], "at least 16 ASCII characters"),
    (["RUN", "--token-file", "nowhere"], "--token-file: cannot read nowhere"),
    (["RUN", "--token-file", "/dev/zero"], "--token-file: cannot read"),
    (["RUN", "--prot", "1"], "did you mean '--port'"),
    (["nowhere", "--port", "0"], "nowhere"),
])  # fmt: skip
def test_bad_options_are_one_line(tiny_run, capsys, words, says):
    error = refused(capsys, *(tiny_run if word == "RUN" else word for word in words))
    assert says in error
    assert "Traceback" not in error


def test_a_port_in_use_is_told_before_models_are_loaded(tmp_path, capsys):
    with bind("127.0.0.1", 0) as found:
        found.listen()
        port = found.getsockname()[1]
        error = refused(capsys, tmp_path / "no_run_at_all", "--port", port)
    assert error == f"tfgen: port {port} of 127.0.0.1 is in use; choose another --port, or 0 for a free one.\n"


def test_two_runs_of_one_name_are_refused(tiny_run, tmp_path, capsys):
    other = shutil.copytree(tiny_run, tmp_path / tiny_run.name)
    assert "two runs are called 'tiny'" in refused(capsys, tiny_run, other, "--port", "0")
    assert "two runs are called 'tiny'" in refused(capsys, tiny_run, tiny_run, "--port", "0")


def test_two_tokens_are_refused(tiny_run, tmp_path, capsys, monkeypatch):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    error = refused(capsys, tiny_run, "--token-file", file)
    assert "--token-file and TFGEN_SERVE_TOKEN both give a token" in error


def test_address_models_and_how_to_stop_are_printed(tiny_run, tmp_path, capsys, monkeypatch):
    file, started = tmp_path / "token", []
    file.write_text(TOKEN + "\n")

    def serve(server, found):
        started.append(server)
        server._on_start()

    monkeypatch.setattr(server_module, "serve", serve)
    monkeypatch.setattr("gc.freeze", lambda: None)
    assert main(["serve", str(tiny_run), "--host", "0.0.0.0", "--port", "0", "--token-file", str(file)]) == 0
    out = capsys.readouterr().out
    assert "serving   http://0.0.0.0:" in out
    assert "model     tiny: sample, log_prob, encode, decode, interpolate" in out
    assert "Authorization: Bearer" in out
    assert TOKEN not in out
    assert "stop      Ctrl-C, or SIGTERM" in out
    assert len(started) == 1


def test_a_process_serves_until_sigterm(tiny_run):
    command = [sys.executable, "-m", "tfgen", "serve", str(tiny_run), "--port", "0", "--block", "8"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().split()[1]
        body = json.dumps({"count": 3, "seed": 1}).encode()
        request = urllib.request.Request(f"{address}/sample", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert len(json.load(answer)["x"]) == 3
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert errors.splitlines()[-1] == "stopped"
