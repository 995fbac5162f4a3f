"""Fetching a suite, giving it an environment of its own, running it with the real requests or with ours, reading scores.

Each suite has a folder `work/NAME` (git-ignored): `source` is its unpacked source distribution, `venv` what it needs,
`real` the real requests, moved out of the environment so that only what is on `PYTHONPATH` can be imported.

A run is offline: a network namespace with nothing but loopback, where the system allows it. requests' tests want an
address that never answers; theirs is a private one, which is rewritten to a loopback listener whose queue is full.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from suites import Suite

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
#: The folder that holds the package: this repository's, unless the environment names another.
PACKAGE = Path(os.environ.get("ENTREAT_PACKAGE") or HERE.parent / "py" / "python").resolve()

# A program's way to certificates and proxies, which would have a say in the results.
_UNWANTED = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "ENTREAT_LANE", "PYTHONPATH"}


@dataclass
class Score:
    """The outcome of every test, and how many requests each lane served."""

    outcomes: dict[str, str]
    lanes: dict[str, int]
    exit_code: int

    def count(self, outcome: str) -> int:
        return sum(1 for each in self.outcomes.values() if each == outcome)

    def __str__(self) -> str:
        counts = [(self.count(kind), kind) for kind in ("passed", "failed", "error", "skipped")]
        text = ", ".join(f"{count} {kind}" for count, kind in counts if count)
        if self.lanes:
            text += " (requests by lane: " + ", ".join(f"{n} {lane}" for lane, n in sorted(self.lanes.items())) + ")"
        return text or f"nothing ran, exit code {self.exit_code}"


def prepare(suite: Suite) -> Path:
    """Fetch a suite and make its environment, unless that has been done; return its folder."""
    folder = WORK / suite.name
    ready = folder / "ready"
    if ready.exists() and ready.read_text() == repr(suite.requirements):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _run([sys.executable, "-m", "venv", str(folder / "venv")])
    _pip(folder, "install", *suite.requirements)
    if suite.own:
        (folder / "source").symlink_to(HERE / "own")
    else:
        _fetch_source(suite, folder)
    _move_real_requests(folder)
    ready.write_text(repr(suite.requirements))
    return folder


def run(
    suite: Suite, face: str, lane: str | None = None, extra: tuple[str, ...] = (), output: IO | None = None
) -> Score:
    """Run a suite with `face` "real" or "entreat", and that one's `lane` forced if given; what it prints goes to `output`.

    Runs with other faces or lanes may go on beside it.
    """
    folder = WORK / suite.name
    name = f"{face}-{lane}" if lane else face
    report = folder / f"report-{name}.xml"
    lanes = folder / f"lanes-{name}.txt"
    for old in (report, lanes):
        old.unlink(missing_ok=True)

    variables = environment(suite, face, lane)
    variables["ENTREAT_LANE_REPORT"] = str(lanes)
    python = str(folder / "venv" / "bin" / "python")
    _assert_face(python, variables, face)
    command = [python, "-m", "pytest", *suite.tests]
    command += ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", *extra]
    done = subprocess.run(
        namespaced(command), cwd=folder / "source", env=variables, check=False, stdout=output, stderr=output
    )
    _assert_face(python, variables, face)
    return Score(_outcomes(report), _lane_counts(lanes), done.returncode)


def environment(suite: Suite, face: str, lane: str | None) -> dict[str, str]:
    """The environment variables of a run: which `requests` is imported is decided by `PYTHONPATH`."""
    folder = WORK / suite.name
    paths = [folder / "real"] if face == "real" else [HERE / "alias_site", PACKAGE]
    variables = {key: value for key, value in os.environ.items() if key not in _UNWANTED and not _is_proxy(key)}
    variables.update(suite.environment)
    variables["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    variables["PATH"] = f"{folder / 'venv' / 'bin'}{os.pathsep}{variables.get('PATH', '')}"
    # Not above the suite's folder: httpie and requests-cache look around in it.
    name = f"{face}-{lane}" if lane else face
    variables["TMPDIR"] = str(_fresh(folder / f"tmp-{name}"))
    variables["HOME"] = str(_fresh(folder / f"home-{name}"))
    if lane:
        variables["ENTREAT_LANE"] = lane
    return variables


def _is_proxy(key: str) -> bool:
    return key.lower().endswith("_proxy")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def namespaced(command: list[str]) -> list[str]:
    """A command with nothing but loopback, where the system allows it, beside a port there that never answers."""
    offline = [sys.executable, str(HERE / "offline.py"), *command]
    if shutil.which("unshare") and subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0:
        return ["unshare", "-n", *offline]
    print("note: no network namespace here; the suite could reach the network", file=sys.stderr)
    return offline


def _assert_face(python: str, environment: dict[str, str], face: str) -> None:
    """A suite that ran with the wrong requests would score splendidly."""
    code = "import requests; print(requests.__file__)"
    found = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True)
    is_ours = Path(found.stdout.strip()).is_relative_to(PACKAGE)
    if is_ours != (face == "entreat"):
        raise SystemExit(f"requests.__file__ is {found.stdout.strip()} though the face is {face!r}")


def _fetch_source(suite: Suite, folder: Path) -> None:
    download = folder / "download"
    what = f"{suite.name}=={suite.version}"
    _pip(folder, "download", "--no-deps", "--no-binary", suite.name, "-d", str(download), what)
    archive = next(download.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    unpacked.rename(folder / "source")
    for name in suite.remove:
        shutil.rmtree(folder / "source" / name)
    if suite.name == "requests":
        _rewrite_tarpit(folder / "source" / "tests" / "test_requests.py")


def _rewrite_tarpit(path: Path) -> None:
    text = path.read_text()
    rewritten = text.replace(
        'TARPIT = "http://10.255.255.1"', 'TARPIT = "http://127.0.0.1:" + os.environ["TARPIT_PORT"]'
    )
    if rewritten == text:
        raise SystemExit("the address that never answers was not found in requests' tests")
    path.write_text(rewritten)


def _move_real_requests(folder: Path) -> None:
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (folder / "real").mkdir()
    (site / "requests").rename(folder / "real" / "requests")


def _outcomes(report: Path) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    if not report.exists():
        return outcomes
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = next((kind for kind in ("error", "failure", "skipped") if kind in kinds), "passed")
        # Subtests and reruns repeat a name: the worst counts.
        worst = max(outcomes.get(name, "passed"), outcome.replace("failure", "failed"), key=_SEVERITY.index)
        outcomes[name] = worst
    return outcomes


_SEVERITY = ["passed", "skipped", "failed", "error"]


def _lane_counts(path: Path) -> dict[str, int]:
    """Every process of the run has added its lines: `lane count`."""
    counts: dict[str, int] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            lane, count = line.split()
            counts[lane] = counts.get(lane, 0) + int(count)
    return counts


def _pip(folder: Path, *arguments: str) -> None:
    _run([str(folder / "venv" / "bin" / "python"), "-m", "pip", "--quiet", *arguments])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
