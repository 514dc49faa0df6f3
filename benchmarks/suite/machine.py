"""Machine description of a benchmark result (processor, memory, versions), and the memory of this process."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere


def describe_machine(device: str) -> dict[str, Any]:
    """Return what decides a timing: processor, cores that this process may use, device, load, versions.

    Args:
        device: ``auto``, ``cpu`` or ``gpu``, as the benchmark was told.
    """
    from tfgen import runtime

    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": usable_cores(),
        "device": runtime.device_name(device),
        "platform": f"{platform.system()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],  # of 1, 5 and 15 minutes: was it alone?
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


def resident_bytes() -> int:
    """Return the memory that this process holds now; where the system does not tell, the most it has ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return peak_resident_bytes()


def peak_resident_bytes() -> int:
    """Return the most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def gpu_bytes() -> int | None:
    """Return what TensorFlow has allocated on the first GPU now; None without one."""
    from tfgen import runtime

    tf = runtime.load_tensorflow()
    if not tf.config.list_logical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["current"])


class Peak:
    """Watches this process: the most memory that it holds from now on.

    Linux forgets an older peak when told to; elsewhere the peak is that of the whole life of the process.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        self._status = process / "status"
        with contextlib.suppress(OSError):
            (process / "clear_refs").write_text("5")

    def bytes(self) -> int:
        """Return it."""
        if self._status.exists():
            for line in self._status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return peak_resident_bytes()
