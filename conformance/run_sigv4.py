"""Sign the requests of AWS' suite for Signature Version 4, which botocore's source distribution holds.

    python conformance/run_sigv4.py

The suite is fetched from PyPI into `work/`, and core's test `sigv4_suite` reads it there. The exit code is that of the
test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "work" / "sigv4"
BOTOCORE = "botocore==1.44.8"


def main() -> int:
    suite = next(FOLDER.glob("botocore-*/tests/unit/auth/aws4_testsuite"), None) or fetch()
    command = ["cargo", "test", "-p", "entreat-core", "--test", "sigv4_suite", "--", "--nocapture"]
    environment = os.environ | {"AWS4_TESTSUITE": str(suite)}
    return subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode


def fetch() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-binary", "botocore", "-d", str(FOLDER), BOTOCORE], check=True)
    with tarfile.open(next(FOLDER.glob("botocore-*.tar.gz"))) as archive:
        archive.extractall(FOLDER, filter="data")
    return next(FOLDER.glob("botocore-*/tests/unit/auth/aws4_testsuite"))


if __name__ == "__main__":
    sys.exit(main())
