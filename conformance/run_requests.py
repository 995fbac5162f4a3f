"""Run requests 2.34.2's own suite, unmodified but for the address that never answers, with `requests` meaning entreat.

    python conformance/run_requests.py [--lane express|open|classic] [--real] [-- PYTEST ARGUMENTS]

The exit code is 0 if as many tests pass as with the real package. `--real` runs the real one.
"""

from __future__ import annotations

import argparse
import sys

import harness
from suites import REQUESTS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lane", choices=("express", "open", "classic"), help="force this lane")
    parser.add_argument("--real", action="store_true", help="run the real package, as a control")
    parser.add_argument("arguments", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()

    harness.prepare(REQUESTS)
    face = "real" if options.real else "entreat"
    score = harness.run(REQUESTS, face, options.lane, tuple(options.arguments))
    for name, outcome in score.outcomes.items():
        if outcome in ("failed", "error"):
            print(f"{outcome}: {name}")
    print(f"requests {REQUESTS.version} with {face}: {score}; the real package passes {REQUESTS.passes}")
    failed = score.count("failed") + score.count("error")
    return 0 if failed == 0 and (options.arguments or score.count("passed") == REQUESTS.passes) else 1


if __name__ == "__main__":
    sys.exit(main())
