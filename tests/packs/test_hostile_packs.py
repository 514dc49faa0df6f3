"""Packs of strangers, damaged and made on purpose: one line says what is wrong, and nothing stays or lands elsewhere."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

import tfgen
from tfgen.cli.main import main
from tfgen.errors import TfgenError
from tfgen.packs import members as pack_members
from tfgen.packs import unpack as unpacking
from tfgen.packs.manifest import MANIFEST, MOST_BYTES
from tfgen.packs.unpack import unpack
from tfgen.plugin.loading import load_registry
from tfgen.runs import import_run

Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def packed(tiny_run, tmp_path_factory) -> Path:
    return tfgen.pack(tiny_run, tmp_path_factory.mktemp("packs") / "tiny.tfgen").path


@pytest.fixture(scope="module")
def contents(packed) -> Contents:
    with zipfile.ZipFile(packed) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def signed(contents: Contents, **entries) -> Contents:
    """Members with a manifest that fits them, and other entries of it."""
    manifest = json.loads(contents[MANIFEST])
    manifest["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
        if name != MANIFEST
    }
    return {**contents, MANIFEST: json.dumps(manifest | entries).encode()}


def written(path: Path, contents: Contents, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def refused(pack: Path, tmp_path: Path, capsys, says: str) -> None:
    """The command ends in one line, and leaves neither the run nor the folder of runs."""
    before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    capsys.readouterr()
    assert main(["import", str(pack), "--runs-dir", str(tmp_path / "new" / "runs")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line != "loading TensorFlow ..."]
    assert len(lines) == 1, lines
    assert says in lines[0], lines[0]
    assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"format": 2, "tfgen": "0.9.1"}, "reads format 1; install a tfgen that reads it: pip install "),
        ({"format": "1"}, "has no format number"), ({"format": True}, "has no format number"),
        ({"tfgen": "1; rm -rf /"}, "does not say which tfgen wrote it"), ({"tfgen": None}, "does not say which tfgen"),
        ({"name": 5}, "no name of the run"), ({"model": ""}, "no name of the run or of its model"),
        ({"model": "diffusion", "plugins": [{"name": "diff", "distribution": "tfgen-diffusion", "version": "2.0"}]},
         "needs model 'diffusion' of plugin 'diff', which is not installed or no longer has it; install its distribution "
         "tfgen-diffusion 2.0."),
        ({"model": "mine", "plugins": [{"name": "mine", "file": "mine.py"}]}, "get its file mine.py, and name it with -p FILE"),
        ({"model": "pixelcnn"}, "manifest.json and config.json name other models"),
        ({"step": -1}, "has no step"), ({"step": 1.5}, "has no step"),
        ({"plugins": []}, "has no list of plugins"), ({"plugins": ["x"]}, "a plugin in its manifest.json is malformed"),
        ({"plugins": [{"name": "x", "version": 3}]}, "malformed"), ({"members": {}}, "names no members"),
        ({"members": {"../x": {"bytes": 1, "sha256": "0" * 64}}}, "'../x' is no member of a pack"),
        ({"members": {"config.json": {"bytes": -1, "sha256": "0" * 64}}}, "no size or digest of config.json"),
        ({"members": {"config.json": {"bytes": 10**12, "sha256": "0" * 64}}}, "more than 1,000,000"),
        ({"members": {"config.json": {"bytes": 3, "sha256": "0" * 63}}}, "no size or digest"),
        ({"members": {"config.json": {"bytes": 3, "sha256": "0" * 64}}}, "it lacks weights.safetensors"),
    ],
)  # fmt: skip
def test_manifests(entries, says, contents, tmp_path, capsys):
    refused(written(tmp_path / "x.tfgen", signed(contents, **entries)), tmp_path, capsys, says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "its manifest.json is no JSON"), (b"[]", "has no format number"), (b"\xff", "is no JSON"),
        (b'{"format": NaN}', "has no format number"), (b"[" * 5000, "is no JSON: it is nested more than 32 deep"),
        (b'{"format": 1' + b"0" * 40 + b"}", "is no JSON"), (b" " * 2_000_000, "more than 1,000,000 bytes"),
    ],
    ids=["half", "list", "no-text", "nan", "deep", "long-number", "large"],
)  # fmt: skip
def test_manifests_that_are_no_json(text, says, contents, tmp_path, capsys):
    refused(written(tmp_path / "x.tfgen", {**contents, MANIFEST: text}), tmp_path, capsys, says)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "..\\x", "C:\\x", "a/../../x", "figures/", "CONFIG.JSON", "Config.json", "extra.pkl", "x" * 300],
)  # fmt: skip
def test_foreign_members(name, contents, tmp_path, capsys):
    refused(written(tmp_path / "x.tfgen", {**contents, name: b"x"}), tmp_path, capsys, "is no member of a pack")


def test_a_member_that_the_manifest_does_not_name(contents, tmp_path, capsys):
    kept = {name: content for name, content in contents.items() if name != "results.json"}
    more = {**signed(kept), "results.json": contents["results.json"]}
    refused(written(tmp_path / "x.tfgen", more), tmp_path, capsys, "manifest.json does not name its results.json")
    missing = {name: content for name, content in contents.items() if name != "results.json"}
    refused(written(tmp_path / "x.tfgen", missing), tmp_path, capsys, "it lacks results.json")


def test_two_members_of_one_name(contents, tmp_path, capsys):
    with zipfile.ZipFile(written(tmp_path / "x.tfgen", contents), "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile, which writes it all the same
        archive.writestr("config.json", b"{}")
    refused(tmp_path / "x.tfgen", tmp_path, capsys, "it has two members config.json")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR])
def test_members_that_are_no_regular_files(mode, contents, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "x.tfgen", "w") as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((mode if name == "results.json" else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, content)
    refused(tmp_path / "x.tfgen", tmp_path, capsys, "results.json is a link or another special file")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(packing, contents, tmp_path, capsys):
    refused(written(tmp_path / "x.tfgen", contents, packing), tmp_path, capsys, "compressed in a way that is not read")


def test_a_password(contents, tmp_path, capsys):
    path = written(tmp_path / "x.tfgen", contents)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"results.json"))
    data[place + 8] |= 1
    path.write_bytes(bytes(data))
    refused(path, tmp_path, capsys, "results.json needs a password")


def test_a_pack_that_would_unpack_to_gigabytes(contents, tmp_path, capsys):
    """A member is refused by its ratio; one that lies about its size is cut off at what it declares."""
    bomb = signed({**contents, "weights.safetensors": bytes(400_000_000)})
    path = written(tmp_path / "x.tfgen", bomb)
    refused(path, tmp_path, capsys, "weights.safetensors would unpack from")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"weights.safetensors"))
    assert struct.unpack_from("<I", data, place + 24) == (400_000_000,)
    struct.pack_into("<I", data, place + 24, 1000)
    path.write_bytes(bytes(data))
    refused(path, tmp_path, capsys, "its weights.safetensors has 1,000 bytes, and should have 400,000,000")
    agreed = signed({**bomb, "weights.safetensors": bytes(1000)})[MANIFEST]  # the manifest lies as the table does
    data = bytearray(written(path, {**bomb, MANIFEST: agreed}).read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02", 0, data.rindex(b"weights.safetensors")) + 24, 1000)
    path.write_bytes(bytes(data))
    refused(path, tmp_path, capsys, "x.tfgen is no sound pack (Bad CRC-32")


def test_a_table_of_contents_of_many_members(contents, tmp_path, capsys):
    path = written(tmp_path / "x.tfgen", contents | {f"{number:05}" * 40: b"" for number in range(20_000)})
    refused(path, tmp_path, capsys, "its table of contents is too long")


def test_a_digest_of_other_bytes(contents, tmp_path, capsys):
    changed = {**contents, "model_card.md": contents["model_card.md"][:-1] + b"?"}
    refused(
        written(tmp_path / "x.tfgen", changed), tmp_path, capsys,
        "the SHA-256 of its model_card.md is not the one in its manifest.json",
    )  # fmt: skip


def test_files_that_are_no_packs(packed, tmp_path, capsys):
    refused(tmp_path / "none.tfgen", tmp_path, capsys, "there is no file or folder")
    refused(tmp_path, tmp_path, capsys, "neither a manifest.json nor one .tfgen file")
    for content in (b"", b"no zip", packed.read_bytes()[:-30]):
        (tmp_path / "x.tfgen").write_bytes(content)
        refused(tmp_path / "x.tfgen", tmp_path, capsys, "is no pack, or it is cut short")
    refused(written(tmp_path / "x.tfgen", {}), tmp_path, capsys, "it has no manifest.json")


@pytest.mark.parametrize(
    ("member", "change", "says"),
    [
        ("config.json", lambda text: b"{", "x.tfgen/config.json is damaged"),
        ("config.json", lambda text: text.replace(b'"model"', b'"modell"'), "its 'model' is missing"),
        ("config.json", lambda text: text.replace(b'"format": 2', b'"format": 9'), "has format 9"),
        ("config.json", lambda text: text.replace(b'"units": 8', b'"units": "many"'), "does not fit model"),
        ("config.json", lambda text: text.replace(b'"units": 8', b'"units": NaN'), "does not fit model"),
        ("config.json", lambda text: text.replace(b'"units": 8', b'"units": 1000000000'), "does not fit the checkpoint"),
        ("config.json", lambda text: text.replace(b'"units": 8', b'"units": 9'), "kernel has shape ["),
        ("config.json", lambda text: text.replace(b'"levels": 17', b'"levels": 200'), "does not fit the checkpoint"),
        ("results.json", lambda text: b'{"format": 2, "test": 5}', "x.tfgen/results.json is damaged"),
        ("metrics.jsonl", lambda text: b"[]\n" + text, "x.tfgen/metrics.jsonl"),
    ],
)  # fmt: skip
def test_members_that_say_other_things(member, change, says, contents, tmp_path, capsys):
    changed = signed({**contents, member: change(contents[member])})
    refused(written(tmp_path / "x.tfgen", changed), tmp_path, capsys, says)


def other_weights(contents: Contents, change) -> bytes:
    """The weights with a change of the arrays, which is given them by name, and of the metadata."""
    content = contents["weights.safetensors"]
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    arrays = load(content)
    change(arrays, metadata)
    return save(arrays, metadata)


def _spoil(arrays):
    first = sorted(arrays)[0]
    arrays[first] = arrays[first] + np.nan


def _renamed(arrays, metadata):
    arrays["another"] = arrays.pop(sorted(arrays)[0])


def _reshaped(arrays, metadata):
    arrays[sorted(arrays)[0]] = np.zeros((2, 3, 1), np.float32)


def _retyped(arrays, metadata):
    arrays[sorted(arrays)[0]] = arrays[sorted(arrays)[0]].astype(np.float64)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_renamed, "its weight another"), (_retyped, "has type float64, the model's float32"),
        (_reshaped, "has shape [2, 3, 1], the model's"),
        (lambda arrays, metadata: arrays.popitem(), "does not fit"),
        (lambda arrays, metadata: arrays.update(more=np.zeros(3, np.float32)), "its weight more [3] is none of the model's"),
        (lambda arrays, metadata: metadata.pop("step"), "its metadata have no step"),
        (lambda arrays, metadata: metadata.update(step="-4"), "its metadata have no step"),
        (lambda arrays, metadata: metadata.update(data="[1, 2"), "is damaged"),
        (lambda arrays, metadata: metadata.update(data="[0, 17, 10.5, 8, 8, 1]"), "no data specification"),
        (lambda arrays, metadata: metadata.update(data="[0, 17, 3, 8, 8, 1]"), "17 levels and 3 classes"),
        (lambda arrays, metadata: _spoil(arrays), "has weights that are not finite"),
    ],
)  # fmt: skip
def test_weights_of_another_model(change, says, contents, tmp_path, capsys):
    changed = signed({**contents, "weights.safetensors": other_weights(contents, change)})
    refused(written(tmp_path / "x.tfgen", changed), tmp_path, capsys, says)


def with_header(contents: Contents, change) -> bytes:
    """The weights with a header that lies."""
    content = contents["weights.safetensors"]
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header, next(name for name in header if name != "__metadata__"))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


@pytest.mark.parametrize(
    "change",
    [
        lambda header, name: header[name].update(data_offsets=[0, 10**15]),
        lambda header, name: header[name].update(data_offsets=[-4, 4]),
        lambda header, name: header[name].update(data_offsets=[8, 4]),
        lambda header, name: header[name].update(shape=[10**9, 10**9]),
        lambda header, name: header[name].update(shape=[2**63, 2]),
        lambda header, name: header[name].update(dtype="PICKLE"),
        lambda header, name: header[name].update(dtype="F64"),
        lambda header, name: header.update({name: 5}),
        lambda header, name: header.update(__metadata__={"a": {"b": 1}}),
        lambda header, name: header.pop(name),
    ],
)
def test_headers_that_lie(change, contents, tmp_path, capsys):
    changed = signed({**contents, "weights.safetensors": with_header(contents, change)})
    refused(written(tmp_path / "x.tfgen", changed), tmp_path, capsys, "x.tfgen/weights.safetensors is damaged")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is cut short"), (b"\xff" * 8, "it is cut short"), (struct.pack("<Q", 2**25) + bytes(2**25), "its header has"),
        (struct.pack("<Q", 8) + b"no json!", "is damaged"), (struct.pack("<Q", 20_000) + b"[" * 20_000, "is damaged"),
    ],
    ids=["empty", "no-length", "long", "no-json", "deep"],
)  # fmt: skip
def test_headers_that_are_none(content, says, contents, tmp_path, capsys):
    changed = signed({**contents, "weights.safetensors": content})
    refused(written(tmp_path / "x.tfgen", changed), tmp_path, capsys, says)


def test_names_of_runs_lead_nowhere(contents, tmp_path):
    for name in ("../../evil", "/evil", "..", "-p", ".hidden", "x" * 400):
        pack = written(tmp_path / "x.tfgen", signed(contents, name=name))
        assert import_run(pack, load_registry(), tmp_path / "runs").folder.parent == tmp_path / "runs"
    assert all(path.name.startswith("imported") for path in (tmp_path / "runs").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"x.tfgen", "runs"}


def test_links_in_a_folder_that_was_unpacked(contents, tmp_path, capsys):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "results.json").unlink()
    (tmp_path / "secret").write_bytes(contents["results.json"])
    (folder / "results.json").symlink_to(tmp_path / "secret")
    manifest = json.loads(contents[MANIFEST])
    manifest["members"]["results.json"]["bytes"] = len(
        os.readlink(folder / "results.json")
    )  # as a look at the link says
    (folder / MANIFEST).write_text(json.dumps(manifest))
    refused(folder, tmp_path, capsys, "link")


def test_a_disk_that_is_too_small(packed, tmp_path, capsys, monkeypatch):
    shutil.copy(packed, tmp_path / "x.tfgen")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda place: usage._replace(free=1000))
    refused(tmp_path / "x.tfgen", tmp_path, capsys, "free some space")


class _Full(io.BytesIO):
    """A file on a disk that is full after so many bytes."""

    left = 3000

    def write(self, data):
        type(self).left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


def test_a_disk_that_fills_up(packed, tiny_run, tmp_path, capsys, monkeypatch):
    shutil.copy(packed, tmp_path / "x.tfgen")
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", *more, **named: _Full() if mode == "xb" else opened(self, mode, *more, **named),
    )
    refused(tmp_path / "x.tfgen", tmp_path, capsys, "No space left on device")
    monkeypatch.undo()

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zipfile._ZipWriteFile.write", full)
    with pytest.raises(tfgen.OutputError, match="No space left on device; free some space"):
        tfgen.pack(tiny_run, tmp_path / "new" / "y.tfgen")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tfgen"]


def test_it_is_read_in_small_parts(packed, tmp_path, monkeypatch):
    """And written as it is read: no member is in memory as a whole."""
    monkeypatch.setattr(unpacking, "CHUNK", 4096)
    sizes = []
    digest = hashlib.sha256

    class Counting:
        def __init__(self):
            self.found = digest()

        def update(self, part):
            sizes.append(len(part))
            self.found.update(part)

        def hexdigest(self):
            return self.found.hexdigest()

    monkeypatch.setattr(unpacking.hashlib, "sha256", Counting)
    (tmp_path / "new").mkdir()
    unpack(packed, tmp_path / "new")
    assert max(sizes) <= 4096 // 4
    assert pack_members.CHUNK <= 2**22


_SETTINGS = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


def is_refused_or_equal(data: bytes, contents: Contents, place: Path) -> None:
    """Changed bytes of a pack end in one line, or in the same members; nothing is written beside the folder."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "folder").mkdir(parents=True)
    (place / "x.tfgen").write_bytes(data)
    try:
        unpack(place / "x.tfgen", place / "folder")
    except TfgenError as error:
        line = str(error)
    else:
        line = ""
        found = {path.name: path.read_bytes() for path in (place / "folder").iterdir()}
        assert found == {name: content for name, content in contents.items() if name != MANIFEST}
    assert "\n" not in line
    assert {path.name for path in place.iterdir()} == {"folder", "x.tfgen"}
    assert {path.name for path in (place / "folder").iterdir()} <= {*MOST_BYTES}


@_SETTINGS
@given(data=st.data())
def test_any_byte_of_a_pack_changed(data, packed, contents, tmp_path):
    content = bytearray(packed.read_bytes())
    table = content.index(b"PK\x01\x02")  # half of the changes in the table of contents, which is a small part
    places = st.integers(0, len(content) - 1) | st.integers(table, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=3)):
        content[place] = value
    is_refused_or_equal(bytes(content), contents, tmp_path / "new")


@settings(_SETTINGS, max_examples=100)
@given(data=st.data())
def test_any_pack_cut_short_or_pieced_together(data, packed, contents, tmp_path):
    content = packed.read_bytes()
    begin, end = sorted(data.draw(st.lists(st.integers(0, len(content)), min_size=2, max_size=2)))
    is_refused_or_equal(data.draw(st.sampled_from([
        content[:begin], content[begin:], content[:begin] + content[end:], content[:end] + content[begin:],
    ])), contents, tmp_path / "new")  # fmt: skip
