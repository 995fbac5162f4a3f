"""The benchmark: `make bench` prints what a request costs by entreat, by its peers, and by a bare socket.

Method. The origin answers with fixed bytes and is faster than any client. Client and origin share one core, so that wall
time is work and not the waking of another core. Each turn of a client is a fresh process that warms up and then measures
itself: wall time, and its own CPU time by getrusage. Where many requests are on their way at once the origin has a core
of its own, so that the clients' core is never idle. Turns are interleaved, A B C A B C, so that whatever else the
machine does meets all alike; a ratio is taken between turns of one round, and the median of the rounds is reported.
Absolute times are one machine's; the ratios are what to compare.

`report.py` makes the tables, `clients.py` and `rust/` are the clients, `instructions.py` counts what repeats exactly.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import report
import setting as settings

#: What is measured: a section, the origin's path, and its clients with what the tables call them.
SECTIONS = {
    "keep-alive": ("/get", [
        "rust-raw", "python-raw", "rust-entreat", "rust-ureq", "entreat-client", "entreat-session", "entreat-session-read",
        "pycurl", "http.client", "urllib3-pool", "requests-session", "requests-session-read",
    ]),
    "module-level": ("/get", [
        "rust-raw-new", "python-raw-new", "entreat-get", "pycurl-new", "urllib3-request", "requests-get",
    ]),
    "json": ("/10k", [
        "orjson.loads", "json.loads", "entreat-session-json", "pycurl-json", "requests-session-json",
    ]),
    "at-once": ("/get", ["rust-64-epoll", "rust-64-entreat", "rust-64-hyper-util", "rust-64-reqwest"]),
}  # fmt: skip

#: Sections whose origin has a core of its own.
APART = {"at-once"}

IMPORTS = {"python": "pass", "entreat": "import entreat", "requests": "import requests"}
IMPORTS_IN_A_TURN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    settings.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.25, help="how long one turn measures")
    parser.add_argument("--only", help="clients whose name contains this; rust-raw and requests run anyway")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    setting = settings.prepare(arguments)
    sections = {
        name: (path, [client for client in clients if _wanted(client, arguments.only)])
        for name, (path, clients) in SECTIONS.items()
    }
    turns = measure(setting, sections, arguments)
    figures = report.figures(turns)
    figures["setting"] = settings.describe(setting) | {"rounds": arguments.rounds, "seconds": arguments.seconds}
    print(report.text(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _wanted(client: str, only: str | None) -> bool:
    return only is None or only in client or client.startswith(("rust-raw", "rust-64-epoll", "requests"))


def measure(setting: settings.Setting, sections: dict, arguments: argparse.Namespace) -> dict:
    """Each client's turns: section -> client -> [{"wall": µs for a request, "cpu": µs}, ...]."""
    turns: dict = {name: {client: [] for client in clients} for name, (_, clients) in sections.items()}
    turns["import"] = {name: [] for name in IMPORTS}
    apart = setting.origins("--epoll", core=setting.other_core())
    with setting.origin() as beside, apart as facts:
        for number in range(arguments.rounds):
            if sys.stderr.isatty():
                print(f"\rround {number + 1} of {arguments.rounds}", end="", file=sys.stderr, flush=True)
            for name, (path, clients) in sections.items():
                origin = facts["http"] if name in APART else beside
                for client in clients:
                    turns[name][client].append(_turn(setting, client, origin + path, arguments.seconds))
            for name, code in IMPORTS.items():
                turns["import"][name].append(_import(setting, code))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return turns


def _turn(setting: settings.Setting, client: str, url: str, seconds: float) -> dict[str, float]:
    command = [*setting.command(client), url, "--seconds", str(seconds)]
    finished = subprocess.run(command, env=setting.environment, stdout=subprocess.PIPE, check=True, timeout=120)
    measured = json.loads(finished.stdout)
    return {unit: measured[unit] / measured["requests"] * 1e6 for unit in ("wall", "cpu")}


def _import(setting: settings.Setting, code: str) -> dict[str, float]:
    """Fresh processes: milliseconds from start to end, megabytes at the most, and how many modules there are then."""
    facts = 'import sys; print(len(sys.modules), open("/proc/self/status").read().split("VmHWM:")[1].split()[0])'
    command = [str(setting.python), "-c", f"{code}\n{facts}"]
    before, started = _cpu_of_children(), time.perf_counter()
    for _ in range(IMPORTS_IN_A_TURN):
        finished = subprocess.run(command, env=setting.environment, stdout=subprocess.PIPE, check=True)
    wall, cpu = time.perf_counter() - started, _cpu_of_children() - before
    modules, kilobytes = finished.stdout.split()
    each = {"wall": wall * 1e3 / IMPORTS_IN_A_TURN, "cpu": cpu * 1e3 / IMPORTS_IN_A_TURN}
    return {**each, "modules": int(modules), "megabytes": int(kilobytes) / 1024}


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
