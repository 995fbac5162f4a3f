"""Run a few hundred programs with the real requests and with ours in each lane; compare wire, responses, exceptions.

    python conformance/run_differential.py [LANE ...]

LANE is default, express, open or classic: all but express unless given, as express alone cannot serve every program.
The exit code is 0 if nothing differs but what stands in `INTENDED`.
"""

from __future__ import annotations

import json
import subprocess
import sys

import harness
from suites import REQUESTS

#: What differs on purpose: the case's name and, where not all of it, the part; and why.
INTENDED = {
    "103 before": "requests takes 103 for the response; only 101 ends a connection's HTTP",
    "white space behind a field": "it is no part of the value (RFC 9112, 5); requests leaves it there",
    "white space before a colon": "a field that RFC 9112 (5.1) has a client refuse; http.client drops all that follow",
    "a field without a colon": "the same: http.client would miss the length, and wait",
    "text longer than announced": "requests sends more than it announced, which spoils the connection",
    "Digest, refused/connections": "a request that a kept-alive connection swallowed is sent once more on a fresh one",
}


def main() -> int:
    lanes = sys.argv[1:] or ["default", "open", "classic"]
    harness.prepare(REQUESTS)
    real = observe("real", None)
    differing = 0
    for lane in lanes:
        ours = observe("entreat", None if lane == "default" else lane)
        found = {name: list(differences(name, real[name], ours.get(name))) for name in real}
        found = {name: lines for name, lines in found.items() if lines}
        differing += len(found)
        print(f"{lane}: {len(real)} programs, {len(found)} differ")
        for name, lines in found.items():
            print(f"  {name}:", *lines[:3], *(["..."] if len(lines) > 3 else []), sep="\n    ")
    return 1 if differing else 0


def observe(face: str, lane: str | None) -> dict:
    folder = harness.WORK / REQUESTS.name
    output = folder / f"differential-{face}-{lane}.json"
    environment = harness.environment(REQUESTS, face, lane)
    python = str(folder / "venv" / "bin" / "python")
    command = harness.namespaced([python, str(harness.HERE / "differential" / "program.py"), str(output)])
    subprocess.run(command, env=environment, check=True)
    return json.loads(output.read_text())


def differences(name: str, real, ours, path: str = ""):
    if name in INTENDED or f"{name}{path}" in INTENDED:
        return
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted({*real, *ours}):
            yield from differences(name, real.get(key), ours.get(key), f"{path}/{key}")
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for index, (one, other) in enumerate(zip(real, ours)):
            yield from differences(name, one, other, f"{path}/{index}")
    elif real != ours:
        yield f"{path}: real {str(real)[:150]!r}, ours {str(ours)[:150]!r}"


if __name__ == "__main__":
    sys.exit(main())
