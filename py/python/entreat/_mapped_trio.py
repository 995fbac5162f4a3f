"""Who sends the requests of `map` in trio: system tasks, so that it needs no nursery of the program's.

Each has a cancel scope of its own, which ends with the iterator; what it raises is the iterator's to raise.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections import deque

import trio
from trio.lowlevel import current_trio_token, spawn_system_task


class Crew:
    """As that of `_mapped_aio`."""

    def __init__(self) -> None:
        self.busy: set[trio.CancelScope] = set()
        self.done: deque = deque()
        self._token = current_trio_token()
        self._news = trio.Event()

    def send(self, call) -> None:
        scope = trio.CancelScope()
        self.busy.add(scope)
        spawn_system_task(self._send, scope, call, name="entreat.aio.Client.map", context=contextvars.copy_context())

    async def _send(self, scope, call) -> None:
        try:
            with scope:
                # Given up before it began: nothing is sent.
                await trio.lowlevel.checkpoint_if_cancelled()
                self.done.append(await _outcome(call))
        finally:
            call.close()
            self.busy.discard(scope)
            self._news.set()

    async def wait(self) -> None:
        while self.busy and not self.done:
            await self._hear()

    async def dismiss(self) -> None:
        self.give_up()
        with trio.CancelScope(shield=True):
            while self.busy:
                await self._hear()
        self.done.clear()

    async def _hear(self) -> None:
        # One for all: whoever closes must not keep the news from whoever waits.
        if self._news.is_set():
            self._news = trio.Event()
        await self._news.wait()

    def abandon(self) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.give_up)

    def give_up(self) -> None:
        for scope in self.busy:
            scope.cancel()


async def _outcome(call):
    try:
        return await call, None
    except trio.Cancelled:
        raise
    except BaseException as error:
        return None, error
