"""zuko's neural spline flow, trained on arrays as tfgen's is; runs in an environment with torch and zuko alone.

    python zuko_worker.py IN.npz OUT.npz

IN holds x_train, x_valid, x_test (standardised) and parameters, layers, epochs, batch, learning_rate, weight_decay, seed.
OUT holds the log-densities of the test rows by the weights of the best validation epoch, the mean of the validation rows by
them, the seconds of training and the number of weights.
"""

from __future__ import annotations

import copy
import sys
import time
from typing import Any

import numpy as np
import torch
import zuko

#: Widths of the hidden layers from which the one with the wanted number of weights is taken.
_WIDTHS = range(4, 1024, 2)
_CLIP = 10.0


def weights_of(flow: torch.nn.Module) -> int:
    """Return how many numbers are trained."""
    return sum(weight.numel() for weight in flow.parameters() if weight.requires_grad)


def flow_of(dimensions: int, layers: int, parameters: int) -> torch.nn.Module:
    """Return the autoregressive spline flow of 8 bins whose number of weights is nearest to the one asked for."""

    def build(width: int) -> torch.nn.Module:
        return zuko.flows.NSF(dimensions, transforms=layers, bins=8, hidden_features=(width, width))

    low, high = 0, len(_WIDTHS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if weights_of(build(_WIDTHS[middle])) <= parameters else (low, middle)
    nearest = min((low, high), key=lambda place: abs(weights_of(build(_WIDTHS[place])) - parameters))
    return build(_WIDTHS[nearest])


def train(found: Any) -> dict[str, Any]:
    """Train with AdamW and a cosine to zero; return what OUT holds."""
    seed, epochs, batch = int(found["seed"]), int(found["epochs"]), int(found["batch"])
    torch.manual_seed(seed)
    x, valid, test = (torch.from_numpy(found[f"x_{name}"]) for name in ("train", "valid", "test"))
    flow = flow_of(x.shape[1], int(found["layers"]), int(found["parameters"]))
    per_epoch = len(x) // batch
    optimizer = torch.optim.AdamW(
        flow.parameters(), lr=float(found["learning_rate"]), weight_decay=float(found["weight_decay"])
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * per_epoch)
    best, best_loss = copy.deepcopy(flow.state_dict()), float("inf")
    start = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for step in range(per_epoch):
            optimizer.zero_grad()
            loss = -flow().log_prob(x[order[step * batch : (step + 1) * batch]]).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            validated = -float(flow().log_prob(valid).mean())
        if validated < best_loss:
            best, best_loss = copy.deepcopy(flow.state_dict()), validated
    seconds = time.perf_counter() - start
    flow.load_state_dict(best)
    with torch.no_grad():
        log_prob = flow().log_prob(test).numpy()
    return {"log_prob": log_prob, "valid": -best_loss, "seconds": seconds, "parameters": weights_of(flow)}


if __name__ == "__main__":
    np.savez(sys.argv[2], **train(np.load(sys.argv[1])))
