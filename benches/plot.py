"""Draws what `run_async.py --json` wrote: `python plot.py [FIGURES [IMAGE]]`, by the Python of benches/.venv-async.

One panel for each loop, plain and over TLS: the client's CPU time for a request against how many are at once. A flat line
is a client whose requests cost the same, however many there are. A point is the least of all rounds, since whatever else
a machine does only adds to it; the bar above it ends at the most.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as pyplot
from matplotlib import ticker

HERE = Path(__file__).resolve().parent
PANELS = [("http", "asyncio"), ("http", "uvloop"), ("https", "asyncio"), ("https", "uvloop")]
#: A colour for each client, the same in every panel; colours that the colour-blind can tell apart, and markers.
LOOKS = {
    "asyncio-protocol": ("bare asyncio.Protocol", "#777777", "x"),
    "entreat": ("entreat", "#d55e00", "o"),
    "entreat-tokio": ("entreat, fallback net", "#e69f00", "s"),
    "pyreqwest": ("pyreqwest", "#0072b2", "^"),
    "aiohttp": ("aiohttp", "#009e73", "D"),
    "niquests": ("niquests", "#cc79a7", "v"),
    "httpx": ("httpx", "#56b4e9", "P"),
}


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results" / "async.json"
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "results" / "async.png"
    rows = json.loads(source.read_text())["rows"]
    panels = [panel for panel in PANELS if panel[0] in rows]
    lines = -(-len(panels) // 2)
    figure, grid = pyplot.subplots(lines, 2, figsize=(10, 4 * lines), sharey=True, squeeze=False)
    axes = grid.flatten()
    for axis, (scheme, loop) in zip(axes, panels, strict=False):
        _draw(axis, rows[scheme], loop)
        axis.set_title(f"{loop}, {'TLS' if scheme == 'https' else 'plain'}")
        axis.set_xlabel("requests at once")
    for line in grid:
        line[0].set_ylabel("client's CPU for a GET, µs")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(target, dpi=110)


def _draw(axis, by_number: dict, loop: str) -> None:
    for client, (label, colour, marker) in LOOKS.items():
        name = f"{client}@{loop}"
        points = [(int(number), found[name]["cpu"]) for number, found in by_number.items() if name in found]
        if not points:
            continue
        numbers = [number for number, _ in points]
        least = [cpu["min"] for _, cpu in points]
        above = [cpu["max"] - cpu["min"] for _, cpu in points]
        bars = [[0] * len(above), above]
        axis.errorbar(numbers, least, yerr=bars, label=label, color=colour, marker=marker, markersize=5, capsize=2)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(ticker.LogFormatter(minor_thresholds=(3, 1)))
    axis.yaxis.set_minor_formatter(ticker.LogFormatter(minor_thresholds=(3, 1)))
    axis.set_xticks([int(number) for number in by_number], labels=list(by_number))
    axis.grid(visible=True, which="both", axis="y", alpha=0.25)


if __name__ == "__main__":
    main()
