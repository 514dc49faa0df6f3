"""Peak rate of a processor from its datasheet: a measured ceiling far from it is an error, or a busy machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tfgen_benchmarks.machine import usable_cores

_FLOATS_A_REGISTER = {"avx512f": 16, "avx2": 8, "avx": 4}
#: Shares of the datasheet's number between which a measured ceiling can be believed: boost at the top, one busy unit below.
BELIEVABLE = (0.2, 2.0)


def datasheet(cpuinfo: Path = Path("/proc/cpuinfo"), cores: int | None = None) -> dict[str, Any] | None:
    """Return the peak float32 rate of this processor by its datasheet; None if unknown.

    Two fused multiply-adds of full vectors a cycle and core, which is what server cores of the last ten years have, at the base
    clock; with their boost they are up to twice as fast, and some do one with the widest vectors.

    Args:
        cpuinfo: where Linux tells.
        cores: that may be used; by default those of this process.

    Returns:
        ``vectors`` (the widest), ``clock_ghz``, ``cores`` and ``multiply_adds`` a second.
    """
    if not cpuinfo.exists():
        return None
    text = cpuinfo.read_text()
    flags = set((re.search(r"^flags\s*:(.*)$", text, re.MULTILINE) or [""] * 2)[1].split())
    speed = re.search(r"^bogomips\s*:\s*([\d.]+)", text, re.MULTILINE)  # twice the base clock, in MHz
    widest = next((name for name in _FLOATS_A_REGISTER if name in flags), None)
    if widest is None or speed is None or "fma" not in flags:
        return None
    hertz, cores = float(speed[1]) * 1e6 / 2, cores or usable_cores()
    multiply_adds = cores * hertz * 2 * _FLOATS_A_REGISTER[widest]
    return {"vectors": widest, "clock_ghz": hertz / 1e9, "cores": cores, "multiply_adds": multiply_adds}
