"""Codecs: grey levels to [-1, 1], to [0, 1] or to the real line and back, and nats to bits/dim."""

from __future__ import annotations

from tfgen.data.codec import LogitCodec
from tfgen.data.dequantisation import logit_squeeze
from tfgen.data.grey_levels import bits_per_dim, from_signed, to_signed, to_unit

__all__ = ["LogitCodec", "bits_per_dim", "from_signed", "logit_squeeze", "to_signed", "to_unit"]
