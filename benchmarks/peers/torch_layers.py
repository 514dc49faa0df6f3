"""PyTorch layers that compute the same as the Keras layers of the same name."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from benchmarks.peers.layouts import Sees, same_padding, window


def activation(name: str) -> Any:
    """Return an activation by Keras's name, in place where PyTorch has it."""
    kinds = {"relu": torch.nn.ReLU, "silu": torch.nn.SiLU, "gelu": torch.nn.GELU, "tanh": torch.nn.Tanh}
    return kinds[name](**({"inplace": True} if name in ("relu", "silu") else {}))


class SameConv2d(torch.nn.Conv2d):
    """A convolution with TensorFlow's padding SAME, which is not the same on both sides where a stride leaves an odd rest.

    Args:
        inputs: channels.
        filters: of the result.
        kernel: side of the kernel.
        stride: of the windows.
        sides: height and width of the input.
    """

    def __init__(self, inputs: int, filters: int, kernel: int, stride: int, sides: tuple[int, int]) -> None:
        (top, bottom), (left, right) = (same_padding(side, kernel, stride) for side in sides)
        even = (top, left) == (bottom, right)
        super().__init__(inputs, filters, kernel, stride, (top, left) if even else 0)
        self.margins = None if even else (left, right, top, bottom)

    def forward(self, x: Any) -> Any:
        """Return the result for [n, inputs, height, width]."""
        return super().forward(x if self.margins is None else functional.pad(x, self.margins))


class DoublingConv2d(torch.nn.ConvTranspose2d):
    """A transposed convolution of stride 2 with padding SAME, cut off to `sides`, at most twice those of its input.

    Args:
        inputs: channels.
        filters: of the result.
        kernel: side of the kernel, at least 2.
        sides: height and width of the result.
    """

    def __init__(self, inputs: int, filters: int, kernel: int, sides: tuple[int, int]) -> None:
        before = (kernel - 2) // 2  # what SAME adds to the convolution that this is the gradient of
        super().__init__(inputs, filters, kernel, stride=2, padding=before)
        self.sides = sides

    def forward(self, x: Any, output_size: Any = None) -> Any:
        """Return [n, filters, *sides] for [n, inputs, height, width]."""
        height, width = self.sides
        return super().forward(x)[:, :, :height, :width]


class MaskedConv2d(torch.nn.Conv2d):
    """A convolution over earlier pixels. The kernel is as large as what is seen; a mask is needed where that is no rectangle.

    Args:
        inputs: channels.
        filters: of the result.
        rows: how far up it reaches.
        width: of the whole kernel.
        sees: which part of it.
    """

    mask: Any

    def __init__(self, inputs: int, filters: int, rows: int, width: int, sees: Sees) -> None:
        (top, bottom, left, right), mask = window(rows, width, sees)
        super().__init__(inputs, filters, mask.shape)
        self.margins = (-left, right, -top, bottom)  # those below zero cut off what is never seen
        self.register_buffer("mask", None if mask.all() else torch.from_numpy(mask))

    def forward(self, x: Any) -> Any:
        """Return [n, filters, height, width] for [n, inputs, height, width]."""
        kernel = self.weight if self.mask is None else self.weight * self.mask
        return functional.conv2d(functional.pad(x, self.margins), kernel, self.bias)
