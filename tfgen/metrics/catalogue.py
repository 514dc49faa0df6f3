"""Catalogue of metrics: title, unit, direction (lower or higher is better), curve and panel. Plugins add their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tfgen.metrics.metric import given_label
from tfgen.plugin.specs import MetricSpec

#: The metrics that tfgen computes itself, in the order of the pages; the plugin `tfgen` registers them.
BUILTIN: tuple[MetricSpec, ...] = (
    MetricSpec("bits_per_dim", "bits/dim", "bits/dim", better="lower", of="density", given_label=True, curve=1),
    MetricSpec("nll_nats", "negative log-likelihood", "nats", better="lower", of="density", given_label=True, curve=2),
    MetricSpec("kl_nats", "KL divergence from the data", "nats", better="lower", of="density"),
    MetricSpec("elbo_nats", "ELBO", "nats", better="higher", of="bound", given_label=True, curve=3),
    MetricSpec("iwae_nats", "importance-weighted bound", "nats", better="higher", of="bound", given_label=True),
    MetricSpec("cross_entropy_nats", "cross-entropy", "nats", better="lower", of="density", given_label=True, curve=4),
    MetricSpec(
        "reconstruction_nats", "reconstruction", "nats", of="bound", given_label=True, panel="reconstruction, nats"
    ),
    MetricSpec(
        "latent_kl_nats", "KL(q || p) of the codes", "nats", of="bound", given_label=True, panel="KL(q || p), nats"
    ),
    MetricSpec("reconstruction_kl_ratio", "reconstruction / KL", "ratio", of="training", given_label=True),
    MetricSpec("active_units", "active units", "units", of="bound", given_label=True),
    MetricSpec("accuracy", "accuracy", "of examples", better="higher", of="classification"),
    MetricSpec("label_nll_nats", "-log p(y|x)", "nats", better="lower", of="classification"),
    MetricSpec("ece", "calibration error", "probability", better="lower", of="classification"),
    MetricSpec("fid", "FID", "squared feature units", better="lower", of="samples"),
    MetricSpec("kid", "KID", "squared MMD", better="lower", of="samples"),
    MetricSpec("precision", "precision", "share", better="higher", of="samples", aliases=("prdc",)),
    MetricSpec("recall", "recall", "share", better="higher", of="samples", aliases=("prdc",)),
    MetricSpec("density", "density", "of neighbourhoods", better="higher", of="samples", aliases=("prdc",)),
    MetricSpec("coverage", "coverage", "share", better="higher", of="samples", aliases=("prdc",)),
    MetricSpec(
        "label_accuracy", "label accuracy of samples", "of samples", better="higher", of="samples",
        aliases=("accuracy",),
    ),
    MetricSpec(
        "sbc", "deviation of ranks (SBC)", "of its 99 % band", better="lower", of="model",
        measure="tfgen.evaluate.calibration:measure_sbc",
        summary="simulation-based calibration of a model with a context; at most 1 is calibrated",
    ),
    MetricSpec(
        "marginal_distance", "distance of marginals", "of probability", better="lower", of="model",
        measure="tfgen.evaluate.tables:measure_marginal_distance",
        summary="mean Kolmogorov-Smirnov distance of the columns of samples and data",
    ),
    MetricSpec(
        "correlation_difference", "difference of correlations", "of correlation", better="lower", of="model",
        measure="tfgen.evaluate.tables:measure_correlation_difference",
        summary="mean absolute difference of the correlations of columns of samples and data",
    ),
    *(
        MetricSpec(
            name, title, "score", better="higher", of="model", aliases=aliases,
            measure=f"tfgen.evaluate.disentanglement:measure_{function}", summary=f"{meaning}; of data with factors",
        )
        for name, title, aliases, function, meaning in (
            ("mig", "MIG", (), "mig", "mutual information gap of codes and factors"),
            ("dci_disentanglement", "disentanglement", ("dci",), "dci_disentanglement", "factors that a dimension knows"),
            ("dci_completeness", "completeness", ("dci",), "dci_completeness", "dimensions that a factor needs"),
            ("dci_informativeness", "informativeness", ("dci",), "dci_informativeness", "factors told by codes"),
            ("beta_vae_score", "beta-VAE score", (), "beta_vae", "factors told by differences of codes"),
            ("factor_vae_score", "FactorVAE score", (), "factor_vae", "factors told by the least variance"),
        )
    ),
    MetricSpec("kl_p_q_nats", "KL(p || q)", "nats", of="divergence"),
    MetricSpec("kl_q_p_nats", "KL(q || p)", "nats", of="divergence"),
    MetricSpec("js_nats", "JS(p, q)", "nats", of="divergence"),
    MetricSpec("samples_per_second", "sampling", "samples/s", better="higher", of="speed"),
)  # fmt: skip


class Catalogue(Mapping[str, MetricSpec]):
    """Specs of metrics by name, including the variants given the label (``NAME_given_label``).

    Args:
        specs: by name, for example ``registry.metrics``.
    """

    def __init__(self, specs: Mapping[str, MetricSpec]) -> None:
        self._specs: dict[str, MetricSpec] = {}
        for spec in specs.values():
            self._specs[spec.name] = spec
            if spec.given_label:
                name = given_label(spec.name)
                self._specs[name] = replace(spec, name=name, title=f"{spec.title} given the label")

    def __getitem__(self, name: str) -> MetricSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __or__(self, other: Mapping[str, MetricSpec]) -> Catalogue:
        """Return the metrics of both."""
        joined = Catalogue({})
        joined._specs = {**self._specs, **other}
        return joined

    def title(self, name: str) -> str:
        """Return the title of a metric; for an unknown metric its name with spaces.

        >>> CATALOGUE.title("bits_per_dim_given_label"), CATALOGUE.title("charm_of_it")
        ('bits/dim given the label', 'charm of it')
        """
        return self[name].title if name in self else name.replace("_", " ")

    def label(self, name: str) -> str:
        """Return title and unit, for an axis."""
        if name not in self:
            return self.title(name)
        spec = self[name]
        return spec.title if spec.title.startswith(spec.unit) else f"{spec.title}, {spec.unit}"

    def curves(self) -> list[str]:
        """Return the metrics for the validation curve of a run, in order of preference."""
        return sorted((name for name, spec in self.items() if spec.curve is not None), key=self._curve_order)

    def _curve_order(self, name: str) -> tuple[int, str]:
        return self[name].curve or 0, name

    def rises(self, name: str) -> bool:
        """Return whether a metric rises in training; every loss falls."""
        return name in self and self[name].better == "higher"

    def of(self, *kinds: str) -> list[str]:
        """Return the metrics of a density, a bound, samples, ...; see `MetricSpec.of`."""
        return [name for name, spec in self.items() if spec.of in kinds]

    def asked_as(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Return the values of ``--metrics`` for one kind: names and aliases, each with the metrics that it stands for."""
        result: dict[str, tuple[str, ...]] = {}
        for name in self.of(kind):
            for word in (name, *self[name].aliases):
                result[word] = (*result.get(word, ()), name)
        return result


#: The metrics that tfgen computes itself.
CATALOGUE = Catalogue({spec.name: spec for spec in BUILTIN})
