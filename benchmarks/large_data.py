"""Benchmark of large folders of pictures: memory and pictures per second of preparation and training, beside plain `tf.data`.

    python -m benchmarks.large_data make FOLDER --pictures 1000000
    python -m benchmarks.large_data prepare FOLDER --data-dir CACHE
    python -m benchmarks.large_data train FOLDER --data-dir CACHE
    python -m benchmarks.large_data feed FOLDER --data-dir CACHE

`make` writes PNG files of 32x32 RGB, patches of random gradients with noise, in ten classes. `prepare` and `train` run in
processes of their own, and their largest resident memory is printed. `feed` reads pictures for training, without a model:
from the prepared arrays, and with a `tf.data` pipeline that decodes the files anew, in turns. For a set that is larger than
memory, FOLDER may be an array, x.npy, written by `make x.npy`, and all be run where the system allows less memory; `feed` then
reads the prepared arrays alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

_SIDE, _CLASSES, _IN_A_FOLDER = 32, 10, 10_000
_BATCH, _CHUNK_STEPS = 256, 50


def picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture of 32x32 RGB: a gradient between random colours with noise; the same one for each number."""
    random = np.random.default_rng(number)
    corners = random.uniform(40, 216, (2, 2, 3))
    across = np.linspace(0, 1, _SIDE)[:, None]
    sides = corners[:, 0, None] * (1 - across) + corners[:, 1, None] * across  # [2, 32, 3]
    smooth = sides[0] * (1 - across[:, None]) + sides[1] * across[:, None]
    return np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def make(folder: Path, count: int) -> None:
    """Write the pictures ``0 .. count - 1`` that are not there yet, or an array of them."""
    if folder.suffix == ".npy":
        make_array(folder, count)
        return
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for _ in pool.map(partial(write, folder), range(count), chunksize=1000):
            pass


def make_array(path: Path, count: int) -> None:
    """Write an array of pictures of noise, which takes less time than gradients."""
    x = np.lib.format.open_memmap(path, "w+", np.uint8, (count, _SIDE, _SIDE, 3))
    for start in range(0, count, _IN_A_FOLDER):
        part = x[start : start + _IN_A_FOLDER]
        part[:] = np.random.default_rng(start).integers(0, 256, part.shape, dtype=np.uint8)


def write(folder: Path, number: int) -> None:
    """Write one picture, unless it is there."""
    from PIL import Image

    place = folder / str(number % _CLASSES) / f"{number // _IN_A_FOLDER:04}" / f"{number:08}.png"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number)).save(place, compress_level=1)


def measured(command: list[str]) -> dict[str, Any]:
    """Run Python with arguments; return seconds and the largest resident memory of the process in MiB (of Linux)."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return {"seconds": round(seconds, 1), "largest_mib": round(usage.ru_maxrss / 1024)}


def prepare(folder: Path, data_dir: str) -> dict[str, Any]:
    """Prepare a folder; return seconds, memory and pictures per second."""
    code = (
        "import sys, tfgen; registry = tfgen.load_registry();"
        "found = tfgen.load_dataset(sys.argv[1], registry, tfgen.DataSources(data_dir=sys.argv[2])); print(repr(found))"
    )
    found = measured(["-c", code, str(folder), data_dir])
    return found | {"pictures_per_second": round(count_of(folder) / found["seconds"])}


def train(folder: Path, data_dir: str, limit: int) -> dict[str, Any]:
    """Train a small Real NVP for an epoch; return seconds and memory, evaluation and pictures included."""
    model = ["--epochs", "1", "--units", "64", "--layers", "2", "--compile", "xla-loop", "--evaluate", "10000"]
    data = ["--data", str(folder), "--data-dir", data_dir, "--batch-size", str(_BATCH), "--limit", str(limit)]
    place = ["--runs-dir", str(Path(data_dir) / "runs"), "--name", f"large-{int(time.time())}"]
    return measured(["-m", "tfgen", "run", "realnvp", *model, *data, *place])


def count_of(folder: Path) -> int:
    """Return the number of pictures in a folder or an array."""
    if folder.is_file():
        return len(np.load(folder, mmap_mode="r"))
    return sum(name.endswith(".png") for _, _, names in os.walk(folder) for name in names)


def feed(folder: Path, data_dir: str, pictures: int, rounds: int) -> dict[str, Any]:
    """Return the pictures per second of either way, in each of some rounds, and the ratio of their medians."""
    import tensorflow as tf

    import tfgen
    from tfgen.training.feeds import StreamFeed
    from tfgen.training.schedule import Schedule, block_size

    split = tfgen.load_dataset(str(folder), tfgen.load_registry(), tfgen.DataSources(data_dir=data_dir)).train
    block = block_size(len(split), split.x[:1].nbytes)
    schedule = Schedule(len(split), _BATCH, 1, _CHUNK_STEPS, seed=0, block=block)
    names = [os.path.join(place, name) for place, _, found in os.walk(folder) for name in found]

    def prepared() -> Iterator[int]:
        for chunk, payload in StreamFeed(split).payloads(schedule.chunks(), _CHUNK_STEPS):
            assert payload[0].shape[0] == _CHUNK_STEPS
            yield chunk.indices.size

    def decode(name: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(tf.io.read_file(name), 3), (_SIDE, _SIDE, 3))

    def plain() -> Iterator[int]:
        files = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names), seed=0)
        pipeline = files.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(_BATCH, drop_remainder=True)
        for batch in pipeline.prefetch(tf.data.AUTOTUNE):
            yield int(batch.shape[0])

    found: dict[str, list[float]] = {"prepared": [], "plain": []}
    for _ in range(rounds):
        found["prepared"].append(rate(prepared, pictures))
        if names:
            found["plain"].append(rate(plain, pictures))
    result: dict[str, Any] = {name: [round(value) for value in values] for name, values in found.items()}
    if names:
        result["ratio"] = round(float(np.median(found["prepared"]) / np.median(found["plain"])), 2)
    return result


def rate(begin: Callable[[], Iterator[int]], pictures: int) -> float:
    """Return pictures per second of a pipeline, from its first batch on."""
    batches = begin()
    next(batches)
    start, count = time.perf_counter(), 0
    for size in batches:
        count += size
        if count >= pictures:
            break
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("task", choices=["make", "prepare", "train", "feed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000, help="to make, or to read in each round of feed")
    parser.add_argument("--data-dir", default="large_data_cache", help="of what is prepared")
    parser.add_argument("--limit", type=int, default=0, help="pictures to train on; 0 for all")
    parser.add_argument("--rounds", type=int, default=3, help="of feed")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if options.task == "make":
        make(options.folder, options.pictures)
    elif options.task == "prepare":
        result = prepare(options.folder, options.data_dir)
    elif options.task == "train":
        result = train(options.folder, options.data_dir, options.limit)
    else:
        result = feed(options.folder, options.data_dir, options.pictures, options.rounds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
