"""trio as `entreat.aio` wants an event loop: it watches one descriptor, and knows one timer.

A system task does both, for as long as `trio.run` lasts. A coroutine of `entreat.aio` waits by trio's own means
(`suspend`), so cancel scopes and time-outs hold: a request that is cancelled is given up at once.
"""

from __future__ import annotations

import math

import trio
from trio.lowlevel import Abort, current_task, current_trio_token, reschedule, wait_task_rescheduled

_loop: trio.lowlevel.RunVar = trio.lowlevel.RunVar("entreat.aio")


def running():
    """The loop of this `trio.run`, made when it is first asked for; None outside of trio's tasks."""
    if not trio.lowlevel.in_trio_task():
        return None
    try:
        return _loop.get()
    except LookupError:
        made = Loop()
        _loop.set(made)
        return made


class Loop:
    """The methods of an asyncio loop that `entreat.aio` calls, and `suspend`."""

    def __init__(self) -> None:
        self._token = current_trio_token()
        self._closed = False
        self._scope: trio.CancelScope | None = None
        self._deadline = math.inf
        self._alarm = None

    def add_reader(self, descriptor, callback) -> None:
        trio.lowlevel.spawn_system_task(self._watch, descriptor, callback, name="entreat.aio")

    async def _watch(self, descriptor, callback) -> None:
        try:
            while True:
                with trio.CancelScope(deadline=self._deadline) as self._scope:
                    await trio.lowlevel.wait_readable(descriptor)
                if self._alarm is not None and self._deadline <= trio.current_time():
                    alarm, self._alarm, self._deadline = self._alarm, None, math.inf
                    alarm()
                else:
                    callback()
        finally:
            self._closed, self._alarm = True, None

    def call_later(self, delay, callback) -> Loop:
        # Another one is asked for only in place of this one.
        self._alarm, self._deadline = callback, trio.current_time() + delay
        if self._scope is not None:
            self._scope.deadline = self._deadline
        return self

    def cancel(self) -> None:
        """A timer that was replaced is gone already."""

    def call_soon(self, callback, *arguments, context=None) -> None:
        self._token.run_sync_soon(callback, *arguments)

    def is_closed(self) -> bool:
        return self._closed

    def interruptible(self, awaitable) -> Interruptible:
        return Interruptible(awaitable)

    async def suspend(self, waiter) -> None:
        """Waits, in the task that calls."""
        task = current_task()

        def abort(_):
            waiter.abandon()
            return Abort.SUCCEEDED

        waiter.add_done_callback(lambda _: reschedule(task))
        await wait_task_rescheduled(abort)


class Interruptible:
    """As that of `_interruptible`: awaits until it is interrupted, with None for the outcome then."""

    __slots__ = ("_awaitable", "_scope")

    def __init__(self, awaitable) -> None:
        self._awaitable, self._scope = awaitable, trio.CancelScope()

    def interrupt(self, _=None) -> None:
        self._scope.cancel()

    def __await__(self):
        with self._scope:
            return (yield from self._awaitable.__await__())
        return None
