"""Run a few hundred programs with the real requests and with ours in each lane; compare wire, responses, exceptions.

    python conformance/run_differential.py [LANE ...]

LANE is default, express, open or classic: all but express unless given, as express alone cannot serve every program.
The exit code is 0 if what differs is exactly what stands in `INTENDED`: a difference that is gone has to go from there.
"""

from __future__ import annotations

import json
import subprocess
import sys

import harness
from suites import REQUESTS

#: What differs on purpose in the lanes that the engine serves: the case's name and, where not all of it, the part; and
#: why. The classic lane is urllib3's own and differs in nothing.
INTENDED = {
    "103 before": "requests takes 103 for the response; only 101 ends a connection's HTTP",
    "white space behind a field": "it is no part of the value (RFC 9112, 5); requests leaves it there",
    "white space before a colon": "a field that RFC 9112 (5.1) has a client refuse; http.client drops all that follow",
    "a field without a colon": "the same: http.client would miss the length, and wait",
    "a length that is no number": "RFC 9112, 6.3: an error that cannot be mended; the body would end by guesswork",
    "a negative length": "the same",
    "a head cut short": "RFC 9112, 8: it is no answer, and http.client takes it for one",
    "text longer than announced": "requests sends more than it announced, which spoils the connection",
    "Digest, refused/connections": "a request that a kept-alive connection swallowed is sent once more on a fresh one",
}


def main() -> int:
    lanes = sys.argv[1:] or ["default", "open", "classic"]
    harness.prepare(REQUESTS)
    real = observe("real", None)
    wrong, occurred = 0, set()
    for lane in lanes:
        ours = observe("entreat", None if lane == "default" else lane)
        unexpected = {}
        for name in real:
            for path, line in differences(real[name], ours.get(name)):
                intended = lane != "classic" and intention(name, path)
                occurred.add(intended) if intended else unexpected.setdefault(name, []).append(f"{path}: {line}")
        wrong += len(unexpected)
        print(f"{lane}: {len(real)} programs, {len(unexpected)} differ that should not")
        for name, lines in unexpected.items():
            print(f"  {name}:", *lines[:3], *(["..."] if len(lines) > 3 else []), sep="\n    ")
    gone = [] if lanes == ["classic"] else [each for each in INTENDED if each not in occurred]
    for each in gone:
        print(f"{each!r} is intended to differ, and no longer does")
    return 1 if wrong or gone else 0


def intention(name: str, path: str) -> str | None:
    """The entry of `INTENDED` that covers a difference."""
    return next((entry for entry in INTENDED if f"{name}{path}" == entry or name == entry), None)


def observe(face: str, lane: str | None) -> dict:
    folder = harness.WORK / REQUESTS.name
    output = folder / f"differential-{face}-{lane}.json"
    environment = harness.environment(REQUESTS, face, lane)
    python = str(folder / "venv" / "bin" / "python")
    command = harness.namespaced([python, str(harness.HERE / "differential" / "program.py"), str(output)])
    subprocess.run(command, env=environment, check=True)
    return json.loads(output.read_text())


def differences(real, ours, path: str = ""):
    """Where two observations differ, and how."""
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted({*real, *ours}):
            yield from differences(real.get(key), ours.get(key), f"{path}/{key}")
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for index, (one, other) in enumerate(zip(real, ours)):
            yield from differences(one, other, f"{path}/{index}")
    elif real != ours:
        yield path, f"real {str(real)[:150]!r}, ours {str(ours)[:150]!r}"


if __name__ == "__main__":
    sys.exit(main())
