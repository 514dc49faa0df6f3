"""Error of three Monte Carlo estimates of log p(x) over the dimension of the code, drawn.

    python docs/learn/monte_carlo_error.py monte_carlo_error.png

The model is p(z) = N(0, I), p(x|z) = N(z, s^2 I), whose log p(x) is known; docs/learn/monte_carlo.md derives what is seen.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logsumexp
from scipy.stats import norm

from tfgen.figures import save_figure

NOISE = 0.5  # s
SPREAD = 1.2  # scale of q(z|x) as a multiple of the true posterior's: variance 1.44 times as large
SAMPLES = 10_000  # of each estimate
GROUP = 10  # particles of the importance-weighted bound
DIMENSIONS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40)


def log_mean(log_weights, axis=-1):
    """Return the log of the mean of exp(log_weights)."""
    return logsumexp(log_weights, axis=axis) - np.log(log_weights.shape[axis])


def errors(dimensions, examples=30, seed=0):
    """Return root mean square errors in nats: [dimensions, 3] for the prior, importance sampling, and the bound."""
    random = np.random.default_rng(seed)
    total = np.sqrt(1 + NOISE**2)  # standard deviation of x in each dimension
    found = np.zeros((len(dimensions), 3))
    for row, d in enumerate(dimensions):
        gaps = []
        for _ in range(examples):
            x, e = total * random.normal(size=d), random.normal(size=(SAMPLES, d))
            exact = norm.logpdf(x, 0, total).sum()
            from_prior = norm.logpdf(x, e, NOISE).sum(axis=1)
            scale = SPREAD * NOISE / total
            z = x / total**2 + scale * e
            log_q = (norm.logpdf(e) - np.log(scale)).sum(axis=1)
            weights = (norm.logpdf(x, z, NOISE) + norm.logpdf(z)).sum(axis=1) - log_q
            bound = log_mean(weights.reshape(-1, GROUP)).mean()
            gaps.append([log_mean(from_prior) - exact, log_mean(weights) - exact, bound - exact])
        found[row] = np.sqrt(np.mean(np.square(gaps), axis=0))
    return found


def main(path, dimensions=DIMENSIONS):
    """Draw the errors over the dimension, and write the picture."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    names = (
        f"prior, {SAMPLES:,} samples",
        f"importance sampling, {SAMPLES:,} samples",
        f"IWAE, {SAMPLES // GROUP:,} groups of {GROUP}",
    )
    for name, line in zip(names, errors(dimensions).T, strict=True):
        axes.plot(dimensions, line, marker="o", markersize=3, label=name)
    axes.set(xlabel="dimensions of the code", ylabel="error of log p(x), nats", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


if __name__ == "__main__":
    main(sys.argv[1])
