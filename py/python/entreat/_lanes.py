"""Which lane requests take, by force and by count.

`ENTREAT_LANE`, read when the package is imported, forces one: `express` (one native call), `open` (requests' own steps
in Python, the engine below them) or `classic` (urllib3 with its own sockets). A forced lane that cannot serve a request
raises `LaneError` and says why. `ENTREAT_LANE_REPORT` names a file to which the process adds its counts at its end.
A light module.
"""

from __future__ import annotations

import os

LANES = ("express", "open", "classic")


class LaneError(RuntimeError):
    """The lane that `ENTREAT_LANE` forces cannot serve a request."""


def _forced() -> str | None:
    lane = os.environ.get("ENTREAT_LANE") or None
    if lane is not None and lane not in LANES:
        raise LaneError(f"ENTREAT_LANE is {lane!r}: it must be one of {', '.join(LANES)}")
    return lane


#: The lane that every request must take, or None.
FORCED = _forced()

#: Where the counts go, or None: then nothing is counted.
REPORT = os.environ.get("ENTREAT_LANE_REPORT")

_counts: dict[str, int] = {}


def allows(lane: str) -> bool:
    """Whether a request may take a lane."""
    return FORCED is None or FORCED == lane


def refuse(lane: str, reason: str) -> None:
    """Raise if a request that `lane` cannot serve may take no other one."""
    if FORCED == lane:
        raise LaneError(f"ENTREAT_LANE={lane}, but this request cannot take that lane: {reason}")


def explain(reason: str) -> None:
    """Keep why a request took the classic lane, for the report."""
    if REPORT is not None:
        count(f"({reason.replace(' ', '_')})")


def of(raw) -> str | None:
    """The lane that a urllib3 response came by; None for one that no server sent."""
    original = getattr(raw, "_original_response", None)
    return None if original is None else getattr(original, "lane", "classic")


def count(lane: str | None) -> None:
    """Count a response for the report."""
    if REPORT is None or lane is None:
        return
    if not _counts:
        import atexit

        atexit.register(_write_report)
    _counts[lane] = _counts.get(lane, 0) + 1


def _write_report() -> None:
    with open(REPORT, "a") as report:
        for lane, number in _counts.items():
            report.write(f"{lane} {number}\n")
