"""Run requests 2.34.2's own suite, unmodified but for the address that never answers, with `requests` meaning entreat.

    python conformance/run_requests.py [--lane default|express|open|classic ...] [--real] [-- PYTEST ARGUMENTS]

Several lanes run side by side. The exit code is 0 if as many tests pass as with the real package. `--real` runs the real one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import harness
from suites import REQUESTS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    lanes = ("default", "express", "open", "classic")
    parser.add_argument("--lane", choices=lanes, action="append", help="force this lane; may be given again")
    parser.add_argument("--real", action="store_true", help="run the real package, as a control")
    parser.add_argument("arguments", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()

    harness.prepare(REQUESTS)
    face = "real" if options.real else "entreat"

    def is_right(lane: str) -> bool:
        with tempfile.TemporaryFile("w+") as output:
            forced = None if lane == "default" else lane
            score = harness.run(REQUESTS, face, forced, tuple(options.arguments), output)
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout)
        for name, outcome in score.outcomes.items():
            if outcome in ("failed", "error"):
                print(f"{outcome}: {name}")
        print(
            f"requests {REQUESTS.version} with {face}: {score}; the real package passes {REQUESTS.passes}", flush=True
        )
        failed = score.count("failed") + score.count("error")
        return failed == 0 and (bool(options.arguments) or score.count("passed") == REQUESTS.passes)

    wanted = options.lane or ["default"]
    with ThreadPoolExecutor(len(wanted)) as runs:
        return 0 if all(list(runs.map(is_right, wanted))) else 1


if __name__ == "__main__":
    sys.exit(main())
