"""Benchmark of density estimation on tables: tfgen's flows beside a Gaussian, mixtures of Gaussians and zuko's spline flow.

    python -m benchmarks.tables --splits 10 --zuko-python ENV/bin/python --out tables.json

Tables of scikit-learn, and of statsmodels and vega_datasets where the other environment has them. Whole numbers get uniform
noise, once; real columns of few values are left out; columns are standardised by the training rows. Each split is 70 % / 15 % /
15 % by a permutation of its own, the same for all. zuko's flow has as many weights as tfgen's spline flow; all flows
have as many steps and rows in a batch, AdamW at the same rate falling to zero as a cosine, and the weights of their best
validation epoch. The decay of weights is chosen for each table and flow by the validation rows of one split more, as
mixtures are by those of each split, and then whether tfgen's flows have linear layers. Differences are paired by split.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import tfgen

Floats = NDArray[np.float32]
Parts = tuple[Floats, Floats, Floats]

_LAYERS, _UNITS, _STEPS, _BATCH, _RATE = 4, 64, 1000, 64, 3e-3
#: Number of the split whose validation rows choose the decay of weights: none of those that are compared.
_CHOOSING = 1000
#: Added to the diagonal of covariances; chosen by validation, as the components are.
_ADDED = (1e-6, 1e-3, 1e-2)
_COMPONENTS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 38, 50)
#: Writes tables of packages that only the other environment has, as an .npz at the path that it is given.
_FROM_PACKAGES = """
import sys, numpy as np
found = {}
from statsmodels.datasets import fair, randhie, star98
for name, module in {'fair': fair, 'randhie': randhie, 'star98': star98}.items():
    found[name] = module.load_pandas().data.select_dtypes('number').to_numpy(np.float64)
from vega_datasets import local_data
found['airports'] = local_data.airports()[['latitude', 'longitude']].to_numpy(np.float64)
np.savez(sys.argv[1], **found)
"""


def tables(python: Path | None) -> dict[str, NDArray[np.float64]]:
    """Return the tables by name, [n, d] each, without missing values, constant columns, and real columns of few values."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

    found = {
        "breast cancer": load_breast_cancer().data,
        "diabetes": load_diabetes(scaled=False).data,
        "wine": load_wine().data,
    }
    if python is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tables.npz"
            subprocess.run([python, "-c", _FROM_PACKAGES, path], check=True)
            found |= dict(np.load(path))
    return {name: _usable(np.asarray(x, np.float64)) for name, x in found.items()}


def _usable(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x[np.isfinite(x).all(axis=1)]
    random = np.random.default_rng(0)
    columns = []
    for column in x.T:
        distinct = len(np.unique(column))
        if (column % 1 == 0).all() and distinct > 1:
            columns.append(column + random.random(len(column)))
        elif distinct * 20 > len(column):
            columns.append(column)
    return np.stack(columns, axis=1)


def split(x: NDArray[np.float64], number: int) -> Parts:
    """Return train, validation and test rows of a split, standardised by the first."""
    order = np.random.default_rng(number).permutation(len(x))
    train, valid, test = np.split(x[order], [int(0.7 * len(x)), int(0.85 * len(x))])
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    first, second, third = (((part - mean) / deviation).astype(np.float32) for part in (train, valid, test))
    return first, second, third


def mixture(parts: Parts, components: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Fit mixtures of Gaussians with full covariances; return the best by validation."""
    from sklearn.mixture import GaussianMixture

    train, valid, test = (part.astype(np.float64) for part in parts)
    start = time.perf_counter()
    fitted = []
    for count in components:
        for added in _ADDED:
            model = GaussianMixture(count, reg_covar=added, random_state=seed, max_iter=300)
            with contextlib.suppress(ValueError):  # a component without rows of its own, or more components than rows
                fitted.append(model.fit(train))
    best = max(fitted, key=lambda model: float(model.score(valid)))
    return {
        "log_prob": best.score_samples(test),
        "seconds": time.perf_counter() - start,
        "components": best.n_components,
    }


@dataclass(frozen=True)
class Setting:
    """Options of a flow that the validation rows of a split that is not compared choose.

    Attributes:
        decay: of weights, by AdamW.
        linear: whether a flow of tfgen has linear layers.
    """

    decay: float = 0.0
    linear: Literal["lu", "none"] = "lu"


def flow(model: str, parts: Parts, seed: int, setting: Setting) -> dict[str, Any]:
    """Train one of tfgen's flows with AdamW."""
    train, valid, test = parts
    spec = tfgen.DataSpec("vector", train.shape[1:])
    data = tfgen.Dataset(
        "table", spec, {"train": tfgen.Split(train), "valid": tfgen.Split(valid), "test": tfgen.Split(test)}
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = tfgen.train(
            model, data=data, layers=_LAYERS, units=_UNITS,
            epochs=epochs_of(train), batch_size=_BATCH, learning_rate=_RATE, schedule="cosine", seed=seed, quiet=True,
            optimizer="adamw", weight_decay=setting.decay, linear=setting.linear,
            runs_dir=folder, data_dir=folder, pictures=False, evaluate="none",
        )  # fmt: skip
        wall = time.perf_counter() - start
        log_prob, validated = (run.model.log_prob(part).numpy() for part in (test, valid))
        weights = sum(int(np.prod(weight.shape)) for weight in run.model.trainable_weights)
        trained = json.loads((Path(run.folder) / "results.json").read_text())["train_seconds"]
    return {
        "log_prob": log_prob, "valid": float(np.mean(validated)), "seconds": trained, "wall": wall, "parameters": weights,
    }  # fmt: skip


def zuko(python: Path, parts: Parts, seed: int, parameters: int, decay: float) -> dict[str, Any]:
    """Train zuko's flow in its environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays: dict[str, Any] = dict(zip(("x_train", "x_valid", "x_test"), parts, strict=True))
        arrays |= {"parameters": parameters, "seed": seed, "layers": _LAYERS, "epochs": epochs_of(parts[0])}
        np.savez(given, batch=_BATCH, learning_rate=_RATE, weight_decay=decay, **arrays)
        subprocess.run([python, Path(__file__).parent / "peers" / "zuko_worker.py", given, found], check=True)
        result = dict(np.load(found))
    return {
        "log_prob": result["log_prob"],
        "valid": float(result["valid"]),
        "seconds": float(result["seconds"]),
        "parameters": int(result["parameters"]),
    }


def epochs_of(train: Floats) -> int:
    """Return so many epochs that all tables are trained for as many steps."""
    return max(1, round(_STEPS / max(1, len(train) // _BATCH)))


def compared(rows: Mapping[str, list[float]], best: str) -> dict[str, list[float]]:
    """Return for each contender the mean test log-likelihood, and that of `best` less it with the standard error, by split."""
    found = {}
    for name, values in rows.items():
        gaps = np.array(rows[best]) - np.array(values)
        error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("nan")
        found[name] = [round(float(value), 4) for value in (np.mean(values), gaps.mean(), error)]
    return found


#: What is fitted to a split: of the split, its number, the options, and what was fitted to it before.
Fit = Callable[[Parts, int, Setting, Mapping[str, Any]], dict[str, Any]]
#: Flows of tfgen.
OURS = ("realnvp", "spline_flow")


def flows(python: Path | None) -> dict[str, Fit]:
    """Return the flows by name; zuko's has as many weights as the spline flow that was fitted before it."""
    known: dict[str, Fit] = {
        "realnvp": lambda parts, seed, setting, done: flow("realnvp", parts, seed, setting),
        "spline_flow": lambda parts, seed, setting, done: flow("spline_flow", parts, seed, setting),
    }
    if python is not None:
        known["zuko"] = lambda parts, seed, setting, done: zuko(
            python, parts, seed, done["spline_flow"]["parameters"], setting.decay
        )
    return known


def contenders(python: Path | None) -> dict[str, Fit]:
    """Return what is compared, by name."""
    return {
        "gaussian": lambda parts, seed, setting, done: mixture(parts, (1,), seed),
        "mixture": lambda parts, seed, setting, done: mixture(parts, _COMPONENTS, seed),
        **flows(python),
    }


def choose_decays(x: NDArray[np.float64], decays: Sequence[float], python: Path | None, kept: dict[str, Any]) -> None:
    """Fit each flow with each decay to one split more; put the validation log-likelihoods into `kept`, by flow and decay."""
    parts = split(x, _CHOOSING)
    for decay in decays:
        done: dict[str, Any] = {}
        for name, fit in flows(python).items():
            done[name] = fit(parts, _CHOOSING, Setting(decay), done)
            kept.setdefault(name, {})[str(decay)] = done[name]["valid"]


def choose_linear(x: NDArray[np.float64], entry: dict[str, Any]) -> None:
    """Fit each flow of tfgen without linear layers to that split, with its decay; what is better replaces earlier fits."""
    tried = entry.setdefault("linear", {})
    for name in OURS:
        decays = entry["decays"][name]
        found = flow(name, split(x, _CHOOSING), _CHOOSING, Setting(chosen(decays), "none"))
        tried[name] = {"lu": max(decays.values()), "none": found["valid"]}
        if setting_of(entry, name).linear == "none":
            for done in entry["fits"].values():
                done.pop(name, None)


def chosen(tried: Mapping[str, float]) -> float:
    """Return the decay of the best validation log-likelihood; 0 for what has none."""
    return float(max(tried, key=tried.__getitem__, default="0"))


def setting_of(entry: Mapping[str, Any], contender: str) -> Setting:
    """Return the options that were chosen for a contender on the table of this entry."""
    tried = entry.get("linear", {}).get(contender, {"lu": 0.0})
    linear: Literal["lu", "none"] = "lu" if tried["lu"] >= tried.get("none", -np.inf) else "none"
    return Setting(chosen(entry["decays"].get(contender, {})), linear)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each split and contender, and write all as JSON; what is in the file already is not fitted again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], help="names of tables; all without")
    parser.add_argument(
        "--zuko-python", type=Path, help="python of an environment with zuko, statsmodels, vega_datasets"
    )
    parser.add_argument("--decays", type=float, nargs="+", default=[0.1, 1.0, 3.0, 10.0], help="of weights, by AdamW")
    parser.add_argument("--markdown", action="store_true", help="end with tables for a page")
    parser.add_argument("--out", type=Path, default=Path("tables.json"))
    options = parser.parse_args(arguments)
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name, x in tables(options.zuko_python).items():
        if options.only and name not in options.only:
            continue
        entry = kept.setdefault(name, {"shape": list(x.shape), "decays": {}, "fits": {}})
        fits = contenders(options.zuko_python)
        known = entry.setdefault("decays", {})
        wanted = {str(decay) for decay in options.decays}
        if any(set(known.get(flow, ())) != wanted for flow in flows(options.zuko_python)):
            choose_decays(x, options.decays, options.zuko_python, entry["decays"])
            print(name, entry["decays"], flush=True)
            entry.pop("linear", None)  # it was chosen, and flows were fitted, with another decay
            for done in entry["fits"].values():
                for flow_name in flows(options.zuko_python):
                    done.pop(flow_name, None)
            options.out.write_text(json.dumps(kept, indent=1))
        if "linear" not in entry:
            choose_linear(x, entry)
            print(name, entry["linear"], flush=True)
            options.out.write_text(json.dumps(kept, indent=1))
        for number in range(options.splits):
            parts, done = split(x, number), entry["fits"].setdefault(str(number), {})
            for contender, fit in fits.items():
                if contender in done:
                    continue
                found = fit(parts, number, setting_of(entry, contender), done)
                done[contender] = {**found, "log_prob": float(np.mean(found["log_prob"]))}
                print(name, list(x.shape), number, contender, done[contender], flush=True)
                options.out.write_text(json.dumps(kept, indent=1))
    if options.markdown:
        print(markdown(kept))
    else:
        print(json.dumps({name: summary(entry["fits"]) for name, entry in kept.items()}))


def markdown(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return two Markdown tables, a row for each table of data: likelihoods, and what training took.

    Log-likelihoods are means over the splits; the gap is that of `spline_flow` over another, paired by split, with its
    standard error. Seconds are medians over the splits: of the loop that trains, and by the clock with all that comes before.
    """
    found = {name: (entry, summary(entry["fits"])) for name, entry in kept.items() if entry["fits"]}
    names = [
        name
        for name in ("gaussian", "mixture", "realnvp", "spline_flow", "zuko")
        if any(name in facts["seconds"] for _, facts in found.values())
    ]
    lines = [["table", "splits", *names, *(f"splines over {name}" for name in names if name != "spline_flow")]]
    tried = [f"decays: {', '.join(names[2:])}", f"linear layers: {', '.join(OURS)}"]
    speeds = [["table", *tried, *(f"{name}, s" for name in names[2:]), "by the clock, s"]]
    for name, (entry, facts) in found.items():
        rows = facts["compared"]["spline_flow"]
        shape = "{:,} x {}".format(*entry["shape"])
        gaps = [f"{rows[other][1]:+.2f} ± {rows[other][2]:.2f}" for other in names if other != "spline_flow"]
        lines.append([f"{name}, {shape}", str(facts["splits"]), *(f"{rows[other][0]:.2f}" for other in names), *gaps])
        decays = ", ".join(f"{setting_of(entry, other).decay:g}" for other in names[2:])
        linear = ", ".join(setting_of(entry, other).linear for other in OURS)
        clock = [
            float(np.median([done[flow]["wall"] for done in entry["fits"].values() if "wall" in done.get(flow, {})]))
            for flow in ("realnvp", "spline_flow")
        ]
        took = [f"{facts['seconds'][other]:.1f}" for other in names[2:]]
        speeds.append([name, decays, linear, *took, ", ".join(f"{seconds:.0f}" for seconds in clock)])
    return "\n\n".join(
        "\n".join(_row(row) for row in [table[0], ["---"] * len(table[0]), *table[1:]]) for table in (lines, speeds)
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def summary(fits: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return comparisons and median seconds of the splits that every contender was fitted to."""
    names = {contender for done in fits.values() for contender in done}
    whole = [done for done in fits.values() if done.keys() == names]
    rows = {name: [done[name]["log_prob"] for done in whole] for name in sorted(names)}
    seconds = {name: round(float(np.median([done[name]["seconds"] for done in whole])), 2) for name in sorted(names)}
    return {
        "splits": len(whole),
        "compared": {best: compared(rows, best) for best in ("realnvp", "spline_flow")},
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
