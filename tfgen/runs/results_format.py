"""Format of ``results.json``, with migration of older versions to the newest one. No TensorFlow here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfgen.metrics.metric import GIVEN_LABEL, metrics_from_json
from tfgen.runs.notes import notes_of

#: The version that is written; 1 is what files without a version have.
RESULTS_FORMAT = 2
READABLE = (1, RESULTS_FORMAT)
#: What a finished run records at least, beside the metrics.
_REQUIRED: dict[str, Any] = {"model": str, "data": str, "steps": int, "epochs": int, "train_seconds": int | float}
_SPLITS = ("train", "valid", "test")
#: What the names of networks began with in version 1, and under which name each is registered.
_NETWORKS = {"classifier": "classifier", "keras inception": "inception", "values": "values"}
_OF_A_BOUND = ("elbo_nats", "iwae_nats")
_TERMS = (*_OF_A_BOUND, "reconstruction_nats", "latent_kl_nats", "active_units")


def current_results(content: Mapping[str, Any]) -> dict[str, Any]:
    """Migrate the content of a ``results.json`` of any version in `READABLE` to the newest version.

    Raises:
        ValueError: when it is damaged; names the entry.
    """
    version = content.get("format", 1)
    for key, kind in _REQUIRED.items():
        if not isinstance(content.get(key), kind) or isinstance(content.get(key), bool):
            raise ValueError(f"its {key!r} is missing or malformed")
    result: dict[str, Any] = {**content, "format": RESULTS_FORMAT}
    for holder, key in _metric_places(result):
        if version == 1:
            holder[key] = _from_version_1(holder[key])
        metrics_from_json(holder[key])
    notes_of(result)
    if version == 1 and isinstance(result.get("sampling"), Mapping):
        result["sampling"] = {"standard_error": None, **result["sampling"]}
    return result


def _metric_places(content: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the places of metrics: (object, key) pairs; the objects are copies that may be changed."""
    for split in _SPLITS:
        if split in content:
            yield content, split
    classified = content.get("classification", {})
    if not isinstance(classified, Mapping):
        raise ValueError("its 'classification' is no object")
    content |= {"classification": dict(classified)} if classified else {}
    for split, result in classified.items():
        if not isinstance(result, Mapping) or "metrics" not in result:
            raise ValueError(f"its classification of {split!r} has no metrics")
        content["classification"][split] = dict(result)
        yield content["classification"][split], "metrics"


def _from_version_1(metrics: Any) -> Any:
    """Migrate metrics of version 1, with English as basis, to fields: ``"lower bound (IWAE, 5 particles)"`` and its like."""
    if not isinstance(metrics, Mapping):
        return metrics
    return {name: _metric_from_version_1(name, metric) for name, metric in metrics.items()}


def _metric_from_version_1(name: str, metric: Any) -> Any:
    if not isinstance(metric, Mapping) or not isinstance(metric.get("basis"), Mapping):
        return metric
    basis, plain = dict(metric["basis"]), name.removesuffix(GIVEN_LABEL)
    if bound := re.fullmatch(r"lower bound \((?:ELBO|IWAE), (\d+) particles?\)", str(basis.pop("likelihood", ""))):
        basis |= {"density": "bound", "particles": int(bound[1])}
    if score := basis.pop("score", None):
        basis |= {"density": "bound" if "KL" in str(score) else "exact", "scored_as": "cross_entropy"}
    if plain in _OF_A_BOUND:
        basis["density"] = "bound"
    if "density" not in basis and basis.get("dequantisation") == "uniform" and plain not in _TERMS:
        del basis["dequantisation"]
        basis["density"] = "dequantised"
    if summed := re.fullmatch(r"(\d+) classes", str(basis.pop("marginal over", ""))):
        basis["classes"] = int(summed[1])
    if prior := basis.pop("p(y)", None):
        basis["class_prior"] = "uniform" if prior == "uniform" else "frequencies"
    if reference := re.fullmatch(r"(\d+) examples(?:, bits \((\w+)\))?", str(basis.get("reference", ""))):
        basis |= {"examples": int(reference[1]), "reference": reference[2] or "grey"}
    for begins, registered in _NETWORKS.items():
        if str(basis.get("network", "")).startswith(begins):
            basis["features"] = registered
    shares = basis.pop("per_class", None)  # where the first checkouts had it
    return {**metric, "basis": basis} | ({"per_class": shares} if isinstance(shares, list) else {})
