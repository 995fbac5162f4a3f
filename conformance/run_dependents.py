"""Run the suites of packages that are built on requests, with the real requests and with ours, and compare test by test.

    python conformance/run_dependents.py [NAME ...] [--lane express|open|classic] [--write]

The aim is equality: the exit code is 0 if no test that passes with the real one fails with ours. `--write` puts the
table into SCORES.md.
"""

from __future__ import annotations

import argparse
import sys

import harness
from suites import DEPENDENTS, Suite


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="suites to run; all unless given")
    parser.add_argument("--lane", choices=("express", "open", "classic"), help="force this lane")
    parser.add_argument("--write", action="store_true", help="write the table to SCORES.md")
    options = parser.parse_args()

    suites = [suite for suite in DEPENDENTS if not options.names or suite.name in options.names]
    rows, lost = [], 0
    for suite in suites:
        harness.prepare(suite)
        real = harness.run(suite, "real")
        ours = harness.run(suite, "entreat", options.lane)
        differences = compare(suite, real, ours)
        lost += len(differences)
        rows.append(row(suite, real, ours, differences))
        print(f"\n{suite.name} {suite.version}\n  real: {real}\n  ours: {ours}")
        for difference in differences:
            print(f"  {difference}")
    table = "\n".join([HEAD, *rows])
    print(f"\n{table}")
    if options.write:
        write(table)
    return 1 if lost else 0


def compare(suite: Suite, real: harness.Score, ours: harness.Score) -> list[str]:
    """The tests that pass with the real one and not with ours."""
    return [
        f"{name}: {ours.outcomes.get(name, 'missing')}"
        for name, outcome in real.outcomes.items()
        if outcome == "passed"
        and ours.outcomes.get(name) != "passed"
        and not any(unsteady in name for unsteady in suite.unsteady)
    ]


HEAD = "| suite | real requests | entreat | lost | lanes |\n|---|---|---|---|---|"


def row(suite: Suite, real: harness.Score, ours: harness.Score, differences: list[str]) -> str:
    lanes = ", ".join(f"{number} {lane}" for lane, number in sorted(ours.lanes.items()) if not lane.startswith("("))
    return (
        f"| {suite.name} {suite.version} | {real.count('passed')} | {ours.count('passed')} | {len(differences)} "
        f"| {lanes} |"
    )


def write(table: str) -> None:
    path = harness.HERE / "SCORES.md"
    before, mark, _ = path.read_text().partition(MARK)
    path.write_text(f"{before}{mark}\n\n{table}\n")


MARK = "<!-- dependents -->"


if __name__ == "__main__":
    sys.exit(main())
