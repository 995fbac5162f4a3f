"""The benchmark of async clients: what a request costs with 1 to 1024 at once, on asyncio, uvloop, trio and Twisted.

Called by `make bench-async`. Clients run on one core and the origin on another, so that the clients' core is never idle
where requests wait. Each turn of a client is a fresh process; turns are interleaved, and a ratio is taken between turns
of one round. The client's own CPU time is what to compare: on a machine of two cores the wall time of many at once is
the origin's as well. `plot.py` draws the figures; `async_clients.py` are the clients.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import report
import setting as settings

MANY = (1, 16, 64, 128, 512, 1024)
#: Clients that cost a millisecond and more for each request are not asked for a thousand at once.
FEW = (1, 16, 64)
SOME = (1, 64, 512)


class Row(NamedTuple):
    """A client on a loop."""

    client: str
    loop: str
    at_once: tuple[int, ...]
    at_once_over_tls: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.client}@{self.loop}"


ROWS = [
    Row("asyncio-protocol", "asyncio", MANY, SOME),
    Row("entreat", "asyncio", MANY, MANY),
    Row("entreat-tokio", "asyncio", MANY, MANY),
    Row("pyreqwest", "asyncio", MANY, SOME),
    Row("aiohttp", "asyncio", MANY, SOME),
    Row("niquests", "asyncio", FEW),
    Row("httpx", "asyncio", FEW),
    Row("asyncio-protocol", "uvloop", MANY, SOME),
    Row("entreat", "uvloop", MANY, MANY),
    Row("entreat-tokio", "uvloop", MANY, MANY),
    Row("pyreqwest", "uvloop", MANY, SOME),
    Row("aiohttp", "uvloop", MANY, SOME),
    Row("entreat", "trio", SOME),
    Row("entreat-treq", "twisted", SOME),
    Row("treq", "twisted", FEW),
]
LABELS = {
    "asyncio-protocol": "bare `asyncio.Protocol`",
    "entreat": "**entreat**: `await client.get(url)`",
    "entreat-tokio": "**entreat**, the fallback net (tokio in a thread)",
    "entreat-treq": "**entreat**: `entreat.twisted.get`",
}
PEERS = ("aiohttp", "httpx", "niquests", "pyreqwest", "treq", "twisted", "trio", "uvloop")
#: The environment of a client that is another one in another setting.
VARIANTS = {"entreat-tokio": ("entreat", {"ENTREAT_NET": "tokio"})}
#: What we want at 64 at once, of CPU time: our row, the other one, and the most that the ratio may be.
GOALS = [
    ("entreat@asyncio", "aiohttp@asyncio", 1 / 8),
    ("entreat@asyncio", "asyncio-protocol@asyncio", 1),
    ("entreat@asyncio", "pyreqwest@asyncio", 1),
    ("entreat@uvloop", "aiohttp@uvloop", 1 / 8),
    ("entreat@uvloop", "asyncio-protocol@uvloop", 1),
    ("entreat-treq@twisted", "treq@twisted", 1 / 8),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    settings.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="of CPU time, that one turn measures")
    parser.add_argument("--only", help="rows whose name (client@loop) contains this")
    parser.add_argument("--at-once", type=int, nargs="*", help="only these numbers of requests at once")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    setting = settings.prepare(arguments, settings.ASYNC)
    turns = measure(setting, arguments)
    figures = {"setting": describe(setting, arguments), **figures_of(turns)}
    print(text(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(setting: settings.Setting, arguments: argparse.Namespace) -> dict:
    """Each row's turns: scheme -> at once -> row -> [{"wall": µs for a request, "cpu": µs, "megabytes": …}, …]."""
    turns: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        ca_file = str(Path(folder) / "ca.pem")
        options = ["--epoll", "--tls", "--ca-file", ca_file]
        with setting.origins(*options, core=setting.other_core()) as origin:
            for number in range(arguments.rounds):
                for scheme, at_once, row in _wanted(arguments):
                    _tell(f"round {number + 1} of {arguments.rounds}: {scheme}, {at_once} at once, {row.name}")
                    more = ["--ca-file", ca_file] if scheme == "https" else []
                    turn = _turn(setting, row, [origin[scheme] + "/get", *more], at_once, arguments.seconds)
                    turns.setdefault(scheme, {}).setdefault(at_once, {}).setdefault(row.name, []).append(turn)
    _tell("")
    return turns


def _wanted(arguments: argparse.Namespace):
    for scheme in ("http", "https"):
        for at_once in MANY:
            for row in ROWS:
                numbers = row.at_once if scheme == "http" else row.at_once_over_tls
                named = arguments.only is None or arguments.only in row.name
                if at_once in numbers and named and at_once in (arguments.at_once or MANY):
                    yield scheme, at_once, row


def _turn(setting: settings.Setting, row: Row, target: list[str], at_once: int, seconds: float) -> dict[str, float]:
    client, variables = VARIANTS.get(row.client, (row.client, {}))
    program = [str(setting.python), str(settings.HERE / "async_clients.py"), client, *target]
    command = [*program, "--loop", row.loop, "--at-once", str(at_once), "--seconds", str(seconds)]
    environment = setting.environment | variables
    # A peer may crash with many at once; once more, then it counts.
    for _ in range(3):
        finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False, timeout=300)
        if finished.returncode == 0:
            break
    finished.check_returncode()
    measured = json.loads(finished.stdout)
    each = {unit: measured[unit] / measured["requests"] * 1e6 for unit in ("wall", "cpu")}
    return {**each, "megabytes": measured["megabytes"]}


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def figures_of(turns: dict) -> dict:
    rows = {
        scheme: {
            str(at_once): {
                name: {unit: report.spread([turn[unit] for turn in rounds]) for unit in ("wall", "cpu", "megabytes")}
                for name, rounds in by_row.items()
            }
            for at_once, by_row in by_number.items()
        }
        for scheme, by_number in turns.items()
    }
    at_64 = turns.get("http", {}).get(64, {})
    goals = [
        {"goal": f"CPU of {ours} / {other}", "most": most, "measured": report.ratios(at_64[ours], at_64[other], "cpu")}
        for ours, other, most in GOALS
        if ours in at_64 and other in at_64
    ]
    return {"rows": rows, "goals": goals}


def describe(setting: settings.Setting, arguments: argparse.Namespace) -> dict[str, object]:
    names = [line.partition("==")[0] for line in settings.ASYNC.requirements.read_text().splitlines() if "==" in line]
    names = [name for name in [*names, "twisted"] if name != "matplotlib"]
    script = (
        "import importlib.metadata as m, json, sys;"
        f"print(json.dumps({{'python': sys.version.split()[0]}} | {{n: m.version(n) for n in {names!r}}}))"
    )
    output = subprocess.run([str(setting.python), "-c", script], check=True, capture_output=True, text=True).stdout
    machine = {"processor": settings.processor(), "cores": len(setting.cores)}
    return {**machine, **json.loads(output), "rounds": arguments.rounds, "seconds": arguments.seconds}


def tables(figures: dict) -> list[tuple[str, list[list[str]]]]:
    """Each table's title and rows: the CPU µs of a request, by how many are at once."""
    made = []
    for scheme, by_number in figures["rows"].items():
        numbers = list(by_number)
        heading = ["", "loop", *(f"{number} at once" for number in numbers)]
        rows = [heading]
        for row in ROWS:
            cells = [_cell(by_number[number].get(row.name)) for number in numbers]
            if any(cells):
                rows.append([LABELS.get(row.client, row.client), row.loop, *cells])
        kind = "plain" if scheme == "http" else "over TLS"
        made.append((f"CPU µs of a GET of 171 bytes, {kind}", rows))
    return made


def _cell(row: dict | None) -> str:
    return "" if row is None else report.with_range(row["cpu"])


def text(figures: dict) -> str:
    """For a terminal."""
    parts = [f"\n{title}\n{report.aligned(rows)}" for title, rows in tables(figures)]
    if figures["goals"]:
        parts.append(f"\nGoals, at 64 at once\n{report.aligned(report.goals_table(figures))}")
    return "\n".join(parts)


def markdown(figures: dict) -> str:
    """For the README."""
    setting = figures["setting"]
    peers = ", ".join(f"{name} {setting[name]}" for name in setting if name in PEERS)
    parts = [
        f"Medians of {setting['rounds']} rounds (least–greatest), clients on one core of {setting['processor']} and the server on "
        f"another; Python {setting['python']}, {peers}."
    ]
    parts += [f"{title}:\n\n{report.markdown_table(rows)}" for title, rows in tables(figures)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
