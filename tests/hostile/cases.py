"""Hostile cases: run folders, caches, pictures and command lines as a stranger, a damaged disk or a slip may make them.

Each kind is a function that changes a sound folder at random, from a fixed seed, and returns the command to run on it.
"""

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.reading import parse_json

Random = np.random.Generator
#: Values in the place of others in JSON. Those of `RAW` are written as they stand: Python has no such values.
VALUES: list[Any] = [
    -(10**18), -5, -1, 0, 1, 2, 3, 17, 255, 256, 10**5, 10**9, 10**18, 2**63 - 1, 0.5, -0.5, 1e-300, 1e300, 1e308, True, False,
    None, "", "x", "x" * 5000, "../../..", "/dev/zero", "/dev", "/proc/self/root/..", "~root/tfgen-was-here", "/tfgen-was-here",
    "made/here", "inf", "nan", "-inf", "\x1b[2J", "a\nb", "é" * 100, [], {}, [0], [-1, -1], [1, 2, 3, 4, 5], [8, 8, 1], [8, 8],
    [10**5, 10**5, 1], [10**9], [0, 0, 0], [1] * 1000, ["x"], {"a": {"b": {"c": 1}}}, [[[[[1]]]]], {"": ""},
]  # fmt: skip
RAW = [
    "1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 30, "1" + "0" * 5000, r'"\ud800"', r'"\u0000"', "[" * 40 + "]" * 40,
    "[" * 1000 + "]" * 1000, '{"a":' * 1000 + "1" + "}" * 1000,
]  # fmt: skip
_HERE = "\x01raw\x01"


@dataclass
class Case:
    """A folder to run a command in.

    Attributes:
        kind: name of the kind.
        arguments: of the command.
        parses: whether what was changed is still read: sound JSON, a command line that names no unknown option.
    """

    kind: str
    arguments: list[str]
    parses: bool = False
    notes: list[str] = field(default_factory=list)


def pick(random: Random, values: Any) -> Any:
    """Return one of a sequence."""
    return values[int(random.integers(len(values)))]


def leaves(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all entries of JSON, objects and lists among them."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in inner for place in ((*path, key), *leaves(value, (*path, key)))]


def changed(content: Any, random: Random, notes: list[str]) -> str:
    """Return JSON text in which one entry or a few have other values, are gone, or have another name."""
    raw = ""
    for _ in range(pick(random, (1, 1, 1, 2, 3))):
        places = leaves(content)
        if not places:
            break
        *above, key = pick(random, places)
        holder = content
        for step in above:
            holder = holder[step]
        how = random.random()
        if how < 0.1:
            del holder[key]
        elif how < 0.17 and isinstance(holder, dict):
            holder[pick(random, ("x" * 300, "", "..", "weight", "\x1b[2J", "é"))] = holder.pop(key)
        elif how < 0.25:
            raw = raw or pick(random, RAW)
            holder[key] = _HERE
        else:
            holder[key] = pick(random, VALUES)
        notes.append(f"{(*above, key)}")
    return json.dumps(content).replace(json.dumps(_HERE), raw)


def change_json(path: Path, random: Random, notes: list[str]) -> bool:
    """Change a file of JSON; return whether it is still one that is read."""
    text = changed(json.loads(path.read_text()), random, notes)
    path.write_text(text)
    return is_read(text.encode())


def is_read(content: bytes) -> bool:
    """Return whether content is JSON that the reader lets pass."""
    try:
        return isinstance(parse_json(content), dict)
    except ValueError:
        return False


def change_bytes(content: bytes, random: Random) -> bytes:
    """Return content of which some bytes are changed, gone, doubled or cut off."""
    if not content:
        return b"x"
    data, how = bytearray(content), random.random()
    place = int(random.integers(len(data)))
    if how < 0.5:
        for _ in range(int(random.integers(1, 8))):
            data[int(random.integers(len(data)))] = int(random.integers(256))
    elif how < 0.7:
        del data[place:]
    elif how < 0.85:
        del data[place : place + int(random.integers(1, 64))]
    else:
        data[place:place] = data[place : place + int(random.integers(1, 64))]
    return bytes(data)


class Ground:
    """Sound runs and a sound cache, which cases copy.

    Args:
        folder: with ``runs/NAME`` and ``data``, a folder of prepared data; see `tests.hostile.made`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = sorted(path.name for path in (folder / "runs").iterdir())

    def run(self, folder: Path, random: Random, name: str | None = None) -> Path:
        """Copy a run into the folder of a case."""
        target = folder / "run"
        shutil.copytree(self.folder / "runs" / (name or pick(random, self.runs)), target)
        return target


def read_command(random: Random, ground: Ground) -> list[str]:
    """Return a command that reads the small files of a run: mostly one that draws no pictures, which takes longest."""
    how = random.random()
    if how < 0.6:
        return ["info", "run"]
    if how < 0.9:
        return ["report", "run", "--out", "page.html"]
    return ["compare", "run", str(ground.folder / "runs" / ground.runs[0]), "--out", "compared"]


def model_command(random: Random) -> list[str]:
    """Return a command that restores the model of a run."""
    if random.random() < 0.2:
        return ["evaluate", "run", "--batch-size", "300"]
    return ["sample", "run", "--count", "3", "--batch-size", "3", "--out", pick(random, ("x.png", "x.npz"))]


def config(folder: Path, random: Random, ground: Ground) -> Case:
    """Change config.json, and restore the model."""
    run, notes = ground.run(folder, random), []
    parses = change_json(run / "config.json", random, notes)
    command = model_command(random) if random.random() < 0.8 else read_command(random, ground)
    return Case("config", command, parses, notes)


def spec(folder: Path, random: Random, ground: Ground) -> Case:
    """Change the data specification, or a number among the options of the model, to one that would take much."""
    run, notes = ground.run(folder, random), []
    content = json.loads((run / "config.json").read_text())
    group = pick(random, ("data_spec", "options"))
    name = pick(random, sorted(content[group]))
    content[group][name] = pick(random, VALUES)
    if group == "data_spec" and random.random() < 0.3:
        content[group]["shape"] = pick(random, (
            [10**5, 10**5, 1], [8], [8, 8], [8, 8, 8, 8], [1, 1, 1], [4096, 4096, 1], [-8, -8, 1], [8, 8, 10**9], [64, 1, 1],
        ))  # fmt: skip
    notes.append(f"{group} {name}")
    text = json.dumps(content)
    (run / "config.json").write_text(text)
    return Case("spec", model_command(random), is_read(text.encode()), notes)


def results(folder: Path, random: Random, ground: Ground) -> Case:
    """Change results.json."""
    run, notes = ground.run(folder, random), []
    parses = change_json(run / "results.json", random, notes)
    return Case("results", read_command(random, ground), parses, notes)


def rows(folder: Path, random: Random, ground: Ground) -> Case:
    """Change a row of metrics.jsonl."""
    run, notes = ground.run(folder, random), []
    lines = (run / "metrics.jsonl").read_text().splitlines()
    place = int(random.integers(len(lines)))
    lines[place] = changed(json.loads(lines[place]), random, notes)
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return Case("rows", read_command(random, ground), is_read(lines[place].encode()), notes)


def small_bytes(folder: Path, random: Random, ground: Ground) -> Case:
    """Change bytes of a small file."""
    run = ground.run(folder, random)
    path = run / pick(random, ("config.json", "results.json", "metrics.jsonl"))
    path.write_bytes(change_bytes(path.read_bytes(), random))
    whole = path.name != "metrics.jsonl" and is_read(path.read_bytes())
    return Case("small_bytes", read_command(random, ground), whole, [path.name])


BOMBS: list[Callable[[], bytes]] = [
    lambda: b"[" * 1000 + b"]" * 1000,
    lambda: b"[" * 100_000,
    lambda: b'{"a":' * 1000 + b"1" + b"}" * 1000,
    lambda: b'{"model": "realnvp", "data": "digits", "options": ' + b"[" * 500 + b"]" * 500 + b"}",
    lambda: b'{"model": "' + b"x" * 900_000 + b'", "data": "digits"}',
    lambda: b'{"model": "realnvp", "data": "' + b"x" * 5000 + b'"}',
    lambda: b'{"model": "realnvp", "data": "digits", "x": [' + b"[]," * 330_000 + b"1]}",
    lambda: b'{"a": [' + b"1," * 5_000_000 + b"1]}",
    lambda: b" " * 20_000_000 + b"{}",
    lambda: rb'{"model": "\ud800", "data": "digits"}',
    lambda: rb'{"model": "realnvp", "data": "\udfff\u0000"}',
    lambda: b'{"model": "realnvp", "data": "digits", "options": {"layers": 1' + b"0" * 4000 + b"}}",
    lambda: b"\xef\xbb\xbf{}",
    lambda: b"",
    lambda: b"null",
    lambda: bytes(1000),
]  # fmt: skip


def bombs(folder: Path, random: Random, ground: Ground) -> Case:
    """Put JSON that grows, nests or lies in the place of a small file."""
    run = ground.run(folder, random)
    name, number = pick(random, ("config.json", "results.json", "metrics.jsonl")), int(random.integers(len(BOMBS)))
    content = BOMBS[number]() + b"\n"
    (run / name).write_bytes(content)
    return Case("bombs", read_command(random, ground), False, [name, str(number)])


def odd_files(folder: Path, random: Random, ground: Ground) -> Case:
    """Put a pipe, a link, a folder or an endless file in the place of a file."""
    run = ground.run(folder, random)
    path = pick(random, [p for p in sorted(run.rglob("*")) if p.is_file()])
    path.unlink()
    (folder / "secret.json").write_text('{"secret": 1}')
    kind = pick(random, ("pipe", "out", "up", "device", "loop", "folder", "endless", "nothing"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        with path.open("wb") as file:
            file.truncate(2**36)  # takes no room on the disk
    elif kind != "nothing":
        path.symlink_to({"out": "/etc/passwd", "up": "../secret.json", "device": "/dev/zero", "loop": path.name}[kind])
    command = model_command(random) if random.random() < 0.4 else read_command(random, ground)
    return Case("odd_files", command, path.name not in ("config.json",), [str(path.relative_to(run)), kind])


def checkpoints(folder: Path, random: Random, ground: Ground) -> Case:
    """Change, exchange or add files of the checkpoints; the small files are sound."""
    run, how = ground.run(folder, random), random.random()
    files = sorted((run / "checkpoints").iterdir())
    path, note = pick(random, files), "bytes"
    if how < 0.7:
        path.write_bytes(change_bytes(path.read_bytes(), random))
    elif how < 0.85:
        other = ground.folder / "runs" / pick(random, ground.runs)
        shutil.rmtree(run / "checkpoints")
        shutil.copytree(other / "checkpoints", run / "checkpoints")
        note = f"those of {other.name}"
    else:
        note = pick(
            random, ("step-²", "step-99999999999999999999999", "step-x", "step--1", "step-", "step-1e5", "step-007")
        )
        (run / "checkpoints" / f"{note}.index").write_bytes(path.read_bytes())
    return Case("checkpoints", model_command(random), True, [path.name, note])


def manifest(folder: Path, random: Random, ground: Ground) -> Case:
    """Change the manifest of prepared data, or its arrays."""
    notes: list[str] = []
    shutil.copytree(ground.folder / "data", folder / "data")
    prepared = next((folder / "data" / "tfgen").glob("*/*/manifest.json")).parent
    parses = True
    if random.random() < 0.7:
        parses = change_json(prepared / "manifest.json", random, notes)
    else:
        path = pick(random, sorted(prepared.iterdir()))
        path.write_bytes(change_bytes(path.read_bytes(), random))
        notes.append(path.name)
        parses = path.name != "manifest.json" or is_read(path.read_bytes())
    run = ground.run(folder, random, "prepared")
    content = json.loads((run / "config.json").read_text())
    content["sources"]["data_dir"] = str(folder / "data")
    (run / "config.json").write_text(json.dumps(content))
    return Case("manifest", ["evaluate", "run", "--batch-size", "16"], parses, notes)


def packed_array(array: np.ndarray, declared: tuple[int, ...]) -> bytes:
    """Return an array as .npy that declares another shape."""
    stream = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": declared}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + array.tobytes()


def classifier(folder: Path, random: Random, ground: Ground) -> Case:
    """Change the weights of a kept classifier, or let them unfold to gigabytes."""
    shutil.copytree(ground.folder / "data", folder / "data")
    path = next((folder / "data" / "tfgen" / "classifiers").glob("*.npz"))
    note = pick(random, ("bytes", "shape", "unfolds", "nan"))
    if note == "bytes":
        path.write_bytes(change_bytes(path.read_bytes(), random))
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, array in arrays.items():
                if name == "weight_1":
                    array = np.full_like(array, np.nan) if note == "nan" else array
                    shape = (10**5, 10**4) if note == "shape" else array.shape
                    extra = bytes(2**28) if note == "unfolds" else b""
                    file.writestr(f"{name}.npy", packed_array(array, shape) + extra)
                else:
                    file.writestr(f"{name}.npy", packed_array(array, array.shape))
    run = ground.run(folder, random, "prepared")
    content = json.loads((run / "config.json").read_text())
    content["sources"]["data_dir"] = str(folder / "data")
    (run / "config.json").write_text(json.dumps(content))
    return Case(
        "classifier", ["evaluate", "run", "--samples", "40", "--metrics", "fid", "--batch-size", "40"], True, [note]
    )


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """Return a PNG file that declares a size; its content may be that of another."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def pictures(folder: Path, random: Random, ground: Ground) -> Case:
    """Let a mask or a picture of a run declare a size, unfold, or be damaged."""
    size = pick(
        random, ((8, 8), (8, 9), (1, 1), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (60_000, 1), (0, 0), (5000, 5000))
    )
    content = bytes(2**26) if size == (20_000, 20_000) else bytes(9 * 8)
    picture = png(*size, content)
    if random.random() < 0.4:
        picture = change_bytes(picture, random)
    run = ground.run(folder, random, "pixels")
    if random.random() < 0.5:
        (folder / "mask.png").write_bytes(picture)
        command = ["inpaint", "run", "--mask", "mask.png", "--images", "2", "--samples", "2", "--out", "x.png"]
    else:
        (run / "figures").mkdir(exist_ok=True)
        (run / "figures" / "samples_after.png").write_bytes(picture)
        command = ["report", "run", "--out", "page.html"]
    return Case("pictures", command, True, [str(size), command[0]])


TEXTS = [
    "0", "-1", "1", "3", "10", "1e9", "nan", "inf", "", "x", "x" * 5000, "é", "\udcff", "-", "--", "../..", "/dev/null",
    "/dev/zero", "/nowhere/x.png", "x.png", "x.npz", "x.gif", "1.5", "999999999999999999999", "true", "none", "all", "0 1", ",",
]  # fmt: skip
#: Options of commands; each is given a text of `TEXTS`.
OPTIONS = {
    "sample": ("--count", "--labels", "--seed", "--batch-size", "--out", "--temperature", "--nothing"),
    "evaluate": ("--split", "--draws", "--seed", "--batch-size", "--samples", "--metrics", "--particles", "--features"),
    "info": ("--nothing", "--help"),
    "report": ("--out",),
    "compare": ("--out",),
    "run": ("--data", "--data-dir", "--manual-dir", "--name", "--runs-dir", "--config", "--init", "--epochs", "--batch-size"),
    "inpaint": ("--mask", "--images", "--samples", "--out", "--seed"),
    "resume": (),
    "latent": ("--out", "--seed"),
    "number": ("--out", "--seed"),
    "classify": ("--split", "--draws", "--batch-size", "--priors"),
    "neighbours": ("--samples", "--out", "--features"),
    "divergence": ("--samples", "--out", "--seed"),
    "list": (), "datasets": (), "plugins": (), "nothing": (),
}  # fmt: skip
#: What keeps a command that is sound after all from taking minutes.
_SMALL = {
    "sample": ["--count", "3", "--batch-size", "3"],
    "evaluate": ["--batch-size", "16"],
    "run": [
        "--epochs",
        "1",
        "--evaluate",
        "none",
        "--no-pictures",
        "--compile",
        "graph",
        "--units",
        "4",
        "--layers",
        "1",
    ],
    "inpaint": ["--images", "2", "--samples", "2"],
}


def options(folder: Path, random: Random, ground: Ground) -> Case:
    """Give options of a command values of every kind."""
    ground.run(folder, random)
    command = pick(random, sorted(OPTIONS))
    words = [command]
    if command == "run":
        words.append("realnvp")
    elif command not in ("list", "datasets", "plugins"):
        words.append("run" if random.random() < 0.9 else pick(random, TEXTS))
    if command in ("compare", "divergence"):
        words.append(str(ground.folder / "runs" / pick(random, ground.runs)))
    words += _SMALL.get(command, [])
    for _ in range(pick(random, (0, 1, 1, 2))):
        if OPTIONS[command]:
            words += [pick(random, OPTIONS[command]), pick(random, TEXTS)]
    if random.random() < 0.1:
        words.insert(int(random.integers(len(words) + 1)), pick(random, TEXTS))
    return Case("options", words, False)


#: Kinds, and how many cases there are of each.
KINDS: dict[Callable[[Path, Random, Ground], Case], int] = {
    config: 200, spec: 120, results: 120, rows: 80, small_bytes: 60, bombs: 48, odd_files: 72, checkpoints: 80, manifest: 70,
    classifier: 10, pictures: 40, options: 100,
}  # fmt: skip
