"""Where the benchmarks run: one core, a clean environment, pinned peers in a virtual environment, a running origin.

Called by `run.py` and `instructions.py`. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Peers(NamedTuple):
    """The packages that are compared with, and the virtual environment that they are installed in."""

    requirements: Path
    venv: Path


SYNC = Peers(HERE / "requirements.txt", HERE / ".venv")
ASYNC = Peers(HERE / "requirements-async.txt", HERE / ".venv-async")

#: What clients may see of the environment: no proxy, no bundle of authorities, no setting of Python's or ours.
_KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH")
#: How many variables an ordinary shell has: requests looks through them all, and so does entreat.
_ORDINARY_NUMBER = 30


@dataclasses.dataclass
class Setting:
    python: Path
    binaries: Path
    environment: dict[str, str]
    cores: set[int]

    def command(self, client: str) -> list[str]:
        """The beginning of the command line that runs a client: the URL and the amount are to follow."""
        if client.startswith("rust-"):
            return [str(self.binaries / "entreat-bench-clients"), client]
        return [str(self.python), str(HERE / "clients.py"), client]

    def other_core(self) -> int:
        """A core that is not the clients', if the machine has one."""
        taken = os.sched_getaffinity(0)
        return min(self.cores - taken or taken)

    @contextlib.contextmanager
    def origin(self):
        """The URL of the bench origin, which runs as long as the `with` does."""
        with self.origins() as facts:
            yield facts["http"]

    @contextlib.contextmanager
    def origins(self, *options: str, core: int | None = None):
        """What the bench origin says of itself, with these options, on that core."""
        command = [str(self.binaries / "entreat-bench-origin"), "--until-stdin-closes", *options]
        pin = None if core is None else functools.partial(os.sched_setaffinity, 0, {core})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, env=self.environment, preexec_fn=pin) as process:
            yield json.loads(process.stdout.readline())
            process.stdin.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--binaries", type=Path, required=True, help="the folder of the Rust programs: target/release")
    built = parser.add_mutually_exclusive_group(required=True)
    built.add_argument("--wheel", type=Path, help="entreat's wheel, to be installed beside its peers")
    built.add_argument("--package", type=Path, help="a folder with the package entreat, built for release")
    parser.add_argument("--core", type=int, help="the clients' core: the first that is allowed")


def prepare(arguments: argparse.Namespace, peers: Peers = SYNC) -> Setting:
    python = _environment_with_peers(peers)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Dictionaries of the same shape in every process: less noise, and the same number of instructions.
    environment |= {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
    environment |= {f"ORDINARY_VARIABLE_{at}": f"/some/value/{at}" for at in range(len(environment), _ORDINARY_NUMBER)}
    if arguments.package:
        environment["PYTHONPATH"] = str(arguments.package.resolve())
    else:
        _install(python, "--no-deps", "--force-reinstall", str(arguments.wheel))
    # Children inherit it: on one core no time is spent on waking another.
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores) if arguments.core is None else arguments.core})
    return Setting(python, arguments.binaries.resolve(), environment, cores)


def _environment_with_peers(peers: Peers) -> Path:
    python, stamp = peers.venv / "bin" / "python", peers.venv / "ready"
    wanted = f"{sys.version_info}\n{peers.requirements.read_text()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making an environment for the peers in benches/{peers.venv.name}", file=sys.stderr)
        venv.create(peers.venv, clear=True, with_pip=True)
        _install(python, "--requirement", str(peers.requirements))
        stamp.write_text(wanted)
    return python


def _install(python: Path, *arguments: str) -> None:
    options = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([str(python), "-m", "pip", "install", *options, *arguments], check=True)


def describe(setting: Setting) -> dict[str, object]:
    """What the figures depend on."""
    script = (
        "import importlib.metadata as m, json, sys, pycurl; names = ['requests', 'urllib3', 'pycurl', 'orjson'];"
        "versions = {name: m.version(name) for name in names};"
        "print(json.dumps({'python': sys.version.split()[0], **versions, 'libcurl': pycurl.version_info()[1]}))"
    )
    output = subprocess.run([str(setting.python), "-c", script], check=True, capture_output=True, text=True).stdout
    lock = (HERE / "rust" / "Cargo.lock").read_text()
    crates = ("ureq", "hyper-util", "reqwest")
    locked = {name: lock.partition(f'name = "{name}"\nversion = "')[2].partition('"')[0] for name in crates}
    rust = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    return {"processor": processor(), "cores": os.cpu_count(), **json.loads(output), **locked, "rust": rust}


def processor() -> str:
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"
