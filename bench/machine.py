"""The machine, as far as a number may depend on it, and the processes on it, from /proc."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PACKAGES = ("longwatch", "faust-streaming", "aiokafka", "msgspec", "numpy", "rocksdict")
PEERS = ("quixstreams", "bytewax", "confluent-kafka")


def describe() -> dict[str, Any]:
    """Return cores, processor, memory, load and versions."""
    memory = re.findall(r"MemTotal:\s+(\d+)", _read("/proc/meminfo"))
    models = re.findall(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    return {
        "cores": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_mb": int(memory[0]) // 1_024,
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in (*PACKAGES, *PEERS)},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that all threads of a process have used."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND  # utime and stime, proc(5)


def resident_mb(pid: int) -> float:
    """Return the memory in use by a process now; 0 if it has ended."""
    try:
        found = re.findall(r"VmRSS:\s+(\d+)", _read(f"/proc/{pid}/status"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[0]) / 1_024 if found else 0.0


def family(pid: int) -> list[int]:
    """Return a process and all its descendants that live."""
    try:
        children = _read(f"/proc/{pid}/task/{pid}/children").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(one for child in children for one in family(int(child)))]
