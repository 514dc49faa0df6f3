"""Gaussian diffusion: the noise schedule, q(x_t|x_0), its posterior, and the steps of the DDIM sampler.

Notation of Ho et al. 2020: ``alpha_t = 1 - beta_t``, ``abar_t = alpha_1 ... alpha_t``, and
``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e``. Index t - 1 of each array belongs to step t = 1 .. T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_OFFSET = 0.008  # s of the cosine schedule, so that the first steps add no less than a grey level of noise
_LARGEST_BETA = 0.999


@dataclass(frozen=True)
class Diffusion:
    """The numbers of a diffusion of T steps.

    Attributes:
        betas: variance of the noise that each step adds, [T].
    """

    betas: Floats

    @classmethod
    def of(cls, schedule: str, timesteps: int) -> Diffusion:
        """Return the cosine (Nichol and Dhariwal 2021, equation 17) or linear schedule (Ho et al. 2020, section 4).

        The linear one goes from 1e-4 to 0.02 for T = 1000, and is scaled to add as much noise in fewer steps.
        """
        if schedule == "linear":
            scale = 1000 / timesteps
            return cls(np.minimum(np.linspace(1e-4 * scale, 0.02 * scale, timesteps), _LARGEST_BETA))
        t = np.arange(timesteps + 1) / timesteps
        abar = np.cos((t + _OFFSET) / (1 + _OFFSET) * np.pi / 2) ** 2
        return cls(np.minimum(1 - abar[1:] / abar[:-1], _LARGEST_BETA))

    @property
    def timesteps(self) -> int:
        """T."""
        return len(self.betas)

    @property
    def abar(self) -> Floats:
        """The share of the image that is left after each step, ``abar_t``, [T]."""
        return np.cumprod(1 - self.betas, dtype=np.float64)

    @property
    def abar_before(self) -> Floats:
        """``abar_{t-1}``, [T]; 1 for the first step."""
        return np.concatenate([[1.0], self.abar[:-1]])

    @property
    def posterior_variance(self) -> Floats:
        """Variance of ``q(x_{t-1}|x_t, x_0)``: ``beta_t (1 - abar_{t-1}) / (1 - abar_t)`` (equation 7), [T]; 0 for t = 1."""
        return self.betas * (1 - self.abar_before) / (1 - self.abar)

    @property
    def kl_weights(self) -> Floats:
        """Weights of ``|e - e(x_t, t)|^2`` in the KL of each step, [T] (equation 12); 0 for t = 1, which has no KL.

        ``beta_t^2 / (2 s_t^2 alpha_t (1 - abar_t))`` with the variance ``s_t^2`` of the posterior.
        """
        variance = np.where(self.posterior_variance > 0, self.posterior_variance, np.inf)
        return self.betas**2 / (2 * variance * (1 - self.betas) * (1 - self.abar))

    def visited(self, steps: int) -> NDArray[np.int32]:
        """Return `steps` of the indices 0 .. T - 1, evenly spaced, the last of them T - 1; all where there are fewer."""
        count = min(steps, self.timesteps)
        return np.round(np.linspace(self.timesteps / count, self.timesteps, count)).astype(np.int32) - 1
