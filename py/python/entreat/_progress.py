"""`progress=True`: one line on the terminal that says how far a download has come. Nothing where there is none."""

from __future__ import annotations

import sys
import time

#: Seconds between two looks: more often nobody sees.
_PAUSE = 0.1


class Bar:
    """Told of bytes that have come, and of all of them where that is known."""

    def __init__(self, name: str | None) -> None:
        self._name = name or "download"
        self._stream = sys.stderr
        self._shown = self._stream is not None and self._stream.isatty()
        self._begun = self._drawn = 0.0
        self._before = 0
        self._last: tuple[int, int | None] | None = None

    def __call__(self, received: int, total: int | None) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        if self._last is None:
            self._begun, self._before = now, received
        self._last = received, total
        if now - self._drawn >= _PAUSE:
            self._drawn = now
            self._draw(now)

    def close(self) -> None:
        """The last state, and the end of the line."""
        if self._last is not None:
            self._draw(time.monotonic())
            self._stream.write("\n")
            self._stream.flush()
            self._last = None

    def _draw(self, now: float) -> None:
        received, total = self._last or (0, None)
        speed = (received - self._before) / max(now - self._begun, 0.001)
        line = f"{self._name}  {_size(received)}"
        if total:
            share = min(received / total, 1.0)
            filled = round(share * 24)
            line = (
                f"{self._name}  {share:4.0%} [{'#' * filled}{' ' * (24 - filled)}] {_size(received)} of {_size(total)}"
            )
        self._stream.write(f"\r{line}  {_size(speed)}/s\x1b[K")
        self._stream.flush()


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
