"""See that what the tests need is here; install it in CI, and elsewhere say what is missing.

Kafka's jars are fetched by Maven, Prometheus, PostgreSQL and Chromium by the system's package
manager.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
JARS = ROOT / "deploy" / "kafka" / "libs"
PACKAGES = {"Prometheus": "prometheus", "PostgreSQL": "postgresql", "Chromium": "chromium"}


def main() -> int:
    is_ci = os.environ.get("CI") == "true"
    missing: list[str] = []
    if shutil.which("java") is None or shutil.which("mvn") is None:
        missing.append("tests on Kafka are left out: install Java 17 and Maven")
    elif not (JARS / ".ready").is_file() and not _fetches_kafka():
        missing.append("tests on Kafka are left out: its jars could not be fetched by Maven")
    for name, package in PACKAGES.items():
        if is_ci and not _is_here(name) and shutil.which("apt-get") is not None:
            _install(package)
        if not _is_here(name):
            missing.append(f"tests on {name} are left out: install it (Debian: {package})")
    for line in missing:
        print(line, file=sys.stderr)
    return 2 if is_ci and missing else 0


def _fetches_kafka() -> bool:
    command = ["make", "--no-print-directory", "kafka"]
    try:
        return subprocess.run(command, cwd=ROOT, check=False, timeout=900).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _is_here(name: str) -> bool:
    if name == "Prometheus":
        return all(shutil.which(program) for program in ("prometheus", "promtool"))
    if name == "Chromium":
        return any(shutil.which(program) for program in ("chromium", "chromium-browser"))
    in_debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return any(in_debian) or shutil.which("initdb") is not None


def _install(package: str) -> None:
    """Install a Debian package without letting its service start."""
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists() and os.access(policy.parent, os.W_OK)
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-q"], check=False)
        subprocess.run(
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", package], check=False
        )
    finally:
        if made:
            policy.unlink()


if __name__ == "__main__":
    sys.exit(main())
