"""Wrap each function that the real requests calls during a GET with a redirect: where it calls the wrapper, so must we.

    python conformance/run_wrappers.py [LANE]

Mocks, tracers and recorders replace functions of requests, urllib3, http.client, socket, ssl and time. Each lane must
notice that for everything that it does not call itself, and leave the request to one that does. The exit code is 0 if
every wrapper is called but those in `INTENDED`.
"""

from __future__ import annotations

import json
import subprocess
import sys

import harness
from suites import REQUESTS

#: What is wrapped in vain, and why that is as it should be.
INTENDED: dict[str, str] = {}

PROGRAM = str(harness.HERE / "wrappers" / "program.py")


def main() -> int:
    lane = sys.argv[1] if len(sys.argv) > 1 else None
    folder = harness.prepare(REQUESTS)
    python = str(folder / "venv" / "bin" / "python")
    # Each request and connection is a process's own, so all of them can use one server.
    server = subprocess.Popen(
        [python, PROGRAM, "serve", ""],
        env=harness.environment(REQUESTS, "real", None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        return compare(folder, python, server.stdout.readline().strip(), lane)
    finally:
        server.stdin.close()
        server.wait()


def compare(folder, python: str, url: str, lane: str | None) -> int:
    def run(face: str, *arguments: str, lane: str | None = None) -> None:
        environment = harness.environment(REQUESTS, face, lane)
        subprocess.run([python, PROGRAM, *arguments, url], env=environment, check=True)

    names, real, ours = (str(folder / f"wrappers-{each}.json") for each in ("names", "real", "ours"))
    run("real", "record", names)
    run("real", "wrap", names, real)
    run("entreat", "wrap", names, ours, lane=lane)
    seen, found = (json.loads(open(path).read()) for path in (real, ours))
    called = [name for name, outcome in seen.items() if outcome == "called"]
    missed = [name for name in called if found[name] != "called" and name not in INTENDED]
    for name in missed:
        print(f"{name}: {found[name]}")
    print(f"{len(called)} wrappers are called by the real requests, {len(missed)} of them not by ours")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
