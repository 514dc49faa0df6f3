"""Machine description of a benchmark result (processor, memory, versions), and the memory of this process."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tfgen.errors import OutputError

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere


def describe_machine(device: str) -> dict[str, Any]:
    """Return the description of the machine: processor, usable cores, device, load, versions.

    Args:
        device: ``auto``, ``cpu`` or ``gpu``, as in the options of the benchmark.
    """
    from tfgen import runtime

    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": usable_cores(),
        "device": runtime.device_name(device),
        "platform": f"{platform.system()} {platform.machine()}",
        "load_average": load_average(),
        "versions": runtime.versions(),
    }


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name, or its architecture where the system does not tell."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load_average() -> list[float]:
    """Return the load of the last 1, 5 and 15 minutes, which says whether the machine was quiet; zeros on Windows."""
    return [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else [0.0, 0.0, 0.0]


def resident_bytes() -> int:
    """Return the memory that this process holds now; where the system does not tell, the most it has ever held."""
    statm = Path("/proc/self/statm")
    if resource is not None and statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return peak_resident_bytes()


def peak_resident_bytes() -> int:
    """Return the most memory that this process has ever held.

    Raises:
        OutputError: on Windows, which has no `getrusage`.
    """
    if resource is None:
        raise OutputError("this system does not tell how much memory a process has held; measure that on another one.")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def gpu_bytes() -> int | None:
    """Return what TensorFlow has allocated on the first GPU now; None without one."""
    from tfgen import runtime

    tf = runtime.load_tensorflow()
    if not tf.config.list_logical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["current"])


class Peak:
    """Peak memory of this process from now on.

    Linux forgets an older peak when told to; elsewhere the peak is that of the whole life of the process.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        self._status = process / "status"
        with contextlib.suppress(OSError):
            (process / "clear_refs").write_text("5")

    def bytes(self) -> int | None:
        """Return the peak in bytes; None if unknown."""
        if self._status.exists():
            for line in self._status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return None if resource is None else peak_resident_bytes()
