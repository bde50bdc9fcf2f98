"""See that what the tests need is here; install it in CI, and elsewhere say what is missing.

Kafka's jars are fetched by Maven, Prometheus by the system's package manager.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
JARS = ROOT / "deploy" / "kafka" / "libs"


def main() -> int:
    is_ci = os.environ.get("CI") == "true"
    missing: list[str] = []
    if shutil.which("java") is None or shutil.which("mvn") is None:
        missing.append("tests on Kafka are left out: install Java 17 and Maven")
    elif not (JARS / ".ready").is_file():
        subprocess.run(["make", "--no-print-directory", "kafka"], cwd=ROOT, check=True)
    if shutil.which("promtool") is None and is_ci and shutil.which("apt-get") is not None:
        _install("prometheus")
    if shutil.which("promtool") is None or shutil.which("prometheus") is None:
        missing.append("tests on Prometheus are left out: install prometheus with promtool")
    for line in missing:
        print(line, file=sys.stderr)
    return 2 if is_ci and missing else 0


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
