"""Something of the program's own that a request of `entreat.aio` awaits, in asyncio, until the request has come to an end.

Such as the next piece of a body that is being sent: where the server refuses the body meanwhile, nobody needs the piece. It
is cancelled as `asyncio.timeout` cancels: by the task, which is told behind it that this was none of its own.
"""

from __future__ import annotations

import asyncio


class Interruptible:
    """Awaits, in the running task, until it is interrupted: then the outcome is None."""

    __slots__ = ("_awaitable", "_cancelling", "_interrupted", "_task")

    def __init__(self, awaitable) -> None:
        self._awaitable = awaitable
        self._task = asyncio.current_task()
        self._cancelling = _count(self._task, "cancelling")
        self._interrupted = False

    def interrupt(self, _=None) -> None:
        if self._task is not None and not self._interrupted:
            self._interrupted = True
            self._task.cancel()

    def __await__(self):
        try:
            return (yield from self._awaitable.__await__())
        except asyncio.CancelledError:
            # Somebody else may have cancelled it as well.
            if not self._is_ours():
                raise
            return None
        except BaseException:
            self._is_ours()
            raise

    def _is_ours(self) -> bool:
        """Takes our cancellation back, and says whether it is the only one."""
        interrupted, self._interrupted = self._interrupted, False
        return interrupted and _count(self._task, "uncancel") <= self._cancelling


def _count(task, method: str) -> int:
    """Cancellations are counted since Python 3.11."""
    return getattr(task, method, int)()
