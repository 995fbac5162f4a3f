"""The testkit's fault server (the command `entreat-faults`), and how what comes of a case is judged.

A case is data: `testkit/src/faults` says what each key means. Used by `test_faults.py`, and by `conformance/run_faults.py`
for other clients. An outcome is a tuple: `("answer", status, body)`, `("failing", classes)` where the client's error can
mean each of these classes, or `("cut off",)` where the caller had read as much as it wanted.
"""

import base64
import json
import os
import pathlib
import resource
import subprocess
import urllib.parse


def command():
    """$ENTREAT_FAULTS, the newest build, or what stands beside $ENTREAT_ORIGIN."""
    if named := os.environ.get("ENTREAT_FAULTS"):
        return named
    if origin := os.environ.get("ENTREAT_ORIGIN"):
        return str(pathlib.Path(origin).with_name("entreat-faults"))
    repository = pathlib.Path(__file__).resolve().parents[2]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", repository / "target"))
    built = [path for profile in ("release", "debug") if (path := target / profile / "entreat-faults").exists()]
    assert built, "build the fault server first: cargo build -p entreat-testkit (or name it in ENTREAT_FAULTS)"
    return str(max(built, key=lambda path: path.stat().st_mtime))


class Server:
    """`cases` by name; `play` and `stop` one of them."""

    def __init__(self, ca_file):
        self.ca_file = str(ca_file)
        self._process = subprocess.Popen(
            [command(), "--ca-file", self.ca_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.cases = {case["name"]: case for case in json.loads(self._process.stdout.readline())}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def play(self, name):
        """The URL of the first request, without its last segment: the number of the ask."""
        return self._tell("play", name).removesuffix("0")

    def stop(self, name):
        """What the peer saw: `connections` and `requests`."""
        return self._tell("stop", name)

    def _tell(self, verb, name):
        self._process.stdin.write(f"{verb} {name}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def is_right(outcome, expected, url):
    """True where one of the expected outcomes has come."""
    return any(_matches(outcome, each, url) for each in expected)


def _matches(outcome, expected, url):
    kind, *rest = outcome
    if kind == "cut off":
        return "cut_off" in expected
    if kind == "failing":
        return expected.get("failing") in rest[0]
    status, body = rest
    if expected.get("status") != status:
        return False
    if expected.get("any"):
        return True
    if "letters" in expected:
        return body == b"a" * expected["letters"]
    if "own" in expected:
        return body == urllib.parse.urlsplit(url).path.encode() or body.endswith(b"/landing")
    return body == base64.b64decode(expected["bytes"])


def peer_faults(case, seen):
    """What is wrong with what the peer saw: too many connections, or something that must not be sent."""
    if seen["connections"] > case["connections"]:
        yield f"{seen['connections']} connections, at most {case['connections']} are allowed"
    if case["never_sent"] and any(case["never_sent"] in request for request in seen["requests"]):
        yield f"sent {case['never_sent']!r}: {seen['requests']}"


class Memory:
    """How much memory this process takes beyond what it has now."""

    def __init__(self):
        try:
            # Forgets the peak so far.
            pathlib.Path("/proc/self/clear_refs").write_text("5")
            self._before = _status("VmRSS")
        except OSError:
            self._before = peak()

    def taken(self):
        return max(0, peak() - self._before)


def peak():
    """The most that was in use at once, in bytes."""
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status(name):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(name)
