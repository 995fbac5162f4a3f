"""How many instructions a request costs: `make bench-instructions`, by valgrind's callgrind.

Each row runs a program twice, with few and with many requests, and divides the difference: what start-up and warm-up
cost falls out, and what is left repeats nearly to the digit, on a busy machine too. Only the client is counted, and not
what the kernel does for it. Goals are those of the project; `instructions.json` holds the counts of the commit that last
wrote it with `--update`. `--check` fails where a count is more than a tenth above that, for continuous integration.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import report
import setting as settings

COMMITTED = Path(__file__).resolve().parent / "instructions.json"
TOLERANCE = 1.10


@dataclasses.dataclass(frozen=True)
class Row:
    client: str
    label: str
    few: int
    many: int
    goal: int | None = None
    #: Whether it is ours: a peer's count is only shown.
    guarded: bool = True

    @property
    def in_python(self) -> bool:
        return not self.client.startswith("rust-")


ROWS = (
    Row("rust-codec", "Rust, codec alone: write a head, parse one, decode a body", 2000, 6000),
    Row("rust-raw", "Rust, bare socket", 500, 1500, guarded=False),
    Row("rust-entreat", "Rust, client.get(url)?.bytes()?", 500, 1500, goal=11_000),
    Row("rust-nested", "Rust, the same in an event loop that hosts the nested net", 500, 1500),
    # Not guarded: how often it waits depends on how fast the server is beside it.
    Row("rust-tokio", "Rust, the same on tokio, current_thread", 500, 1500, guarded=False),
    Row("entreat-session", "Python, session.get(url)", 500, 1500, goal=16_000),
    Row("entreat-session-read", "Python, and status, a header, .text", 500, 1500),
    Row("entreat-client", "Python, Client.get(url)", 500, 1500, goal=11_000),
    Row("entreat-client-read", "Python, and status, a header, .text", 500, 1500),
    Row("entreat-get", "Python, entreat.get(url)", 500, 1500),
    Row("python-raw", "Python, bare socket", 500, 1500, guarded=False),
    Row("requests-session", "requests, session.get(url)", 50, 150, guarded=False),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    settings.add_arguments(parser)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument(
        "--check", action="store_true", help="fail if a count is more than 10 %% above the committed one"
    )
    parser.add_argument("--update", action="store_true", help="write the counts to instructions.json")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: instructions are counted by valgrind, which is not installed (Debian: apt install valgrind)")
        return
    setting = settings.prepare(arguments)
    rows = [row for row in ROWS if arguments.only is None or arguments.only in row.client]
    with setting.origin() as origin:
        counts = {row.client: count(setting, row, f"{origin}/get") for row in rows}
    python = settings.describe(setting)["python"].rpartition(".")[0]
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {"python": python, "counts": {}}
    print(report.aligned(table(rows, counts, committed["counts"])))
    if arguments.update:
        merged = committed["counts"] | counts
        COMMITTED.write_text(json.dumps({"python": python, "counts": merged}, indent=1) + "\n")
    if arguments.check:
        check(rows, counts, committed, python)


def count(setting: settings.Setting, row: Row, url: str) -> int:
    # Once without counting: what a first run leaves behind (Python's compiled modules) must be there for both.
    _run(_command(setting, row, url, 1), setting)
    few, many = (_instructions(setting, row, url, requests) for requests in (row.few, row.many))
    return round((many - few) / (row.many - row.few))


def _instructions(setting: settings.Setting, row: Row, url: str, requests: int) -> int:
    """Of a whole run under valgrind."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    finished = _run([*valgrind, *_command(setting, row, url, requests)], setting)
    collected = re.search(r"Collected : (\d+)", finished.stderr)
    if not collected:
        sys.exit(f"valgrind did not say what it counted:\n{finished.stderr}")
    return int(collected[1])


def _command(setting: settings.Setting, row: Row, url: str, requests: int) -> list[str]:
    if row.client == "rust-codec":
        return [str(setting.binaries / "examples" / "parse_head"), str(requests)]
    return [*setting.command(row.client), url, "--count", str(requests)]


def _run(command: list[str], setting: settings.Setting) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(command, env=setting.environment, capture_output=True, text=True, timeout=600)
    if finished.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{finished.stderr}")
    return finished


def table(rows: list[Row], counts: dict[str, int], committed: dict[str, int]) -> list[list[str]]:
    made = [["instructions for each request", "counted", "committed", "goal", ""]]
    for row in rows:
        counted, before = counts[row.client], committed.get(row.client)
        outcome = "" if row.goal is None else "met" if counted <= row.goal else "NOT MET"
        made.append([row.label, f"{counted:,}", _number(before), _number(row.goal), outcome])
    return made


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def check(rows: list[Row], counts: dict[str, int], committed: dict, python: str) -> None:
    """Fail where a row of ours has become dearer. Counts of another Python say nothing."""
    same_python = python == committed["python"]
    if not same_python:
        print(f"the committed counts are for Python {committed['python']}, this is {python}: only Rust's are compared")
    grown = [
        f"{row.label}: {counts[row.client]:,} instructions, {committed['counts'][row.client]:,} were committed"
        for row in rows
        if row.guarded and row.client in committed["counts"] and (same_python or not row.in_python)
        and counts[row.client] > committed["counts"][row.client] * TOLERANCE
    ]  # fmt: skip
    if grown:
        sys.exit("dearer by more than 10 %:\n" + "\n".join(grown))


if __name__ == "__main__":
    main()
