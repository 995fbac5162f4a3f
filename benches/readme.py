"""Puts the benchmark's tables into README.md: `python benches/readme.py [FIGURES]`.

The figures are those that `run.py --json` wrote (benches/results/speed.json). What stands between the markers is
replaced. With `--check` nothing is written: it fails if README.md does not show these figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("figures", type=Path, nargs="?", default=HERE / "results" / "speed.json")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it would change something")
    arguments = parser.parse_args()
    old = arguments.readme.read_text()
    before, start, rest = old.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        sys.exit(f"{arguments.readme} lacks the lines {START} and {END}")
    tables = report.markdown(json.loads(arguments.figures.read_text()))
    new = f"{before}{START}\n{tables}\n{END}{after}"
    if arguments.check and new != old:
        sys.exit(f"{arguments.readme} does not show what is in {arguments.figures}: run benches/readme.py")
    if not arguments.check:
        arguments.readme.write_text(new)


if __name__ == "__main__":
    main()
