"""`entreat.aio.Client.map`: many requests at once, their answers as they come.

No more than `concurrency` requests are taken from the iterable ahead of the answers, so it may be endless. Whoever lets the
iterator go, by leaving the loop over it or by being cancelled there, gives up the requests that are under way.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping

from ._native import Request


class Answers:
    """An asynchronous iterator over answers, in the order in which they come. Closed at its end, or by `aclose()`."""

    def __init__(self, client, requests, concurrency: int, return_exceptions: bool, options: dict) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise ValueError(f"concurrency must be a number above 0, not {concurrency!r}")
        self._client = client
        self._asynchronous = hasattr(requests, "__aiter__")
        self._requests = requests.__aiter__() if self._asynchronous else iter(requests)
        self._concurrency = concurrency
        self._return_exceptions = return_exceptions
        self._options = options
        #: Who sends: known once the first answer is asked for.
        self._crew = None
        self._ended = False
        #: A task waits for the next answer.
        self._asked = False
        #: What the iterable of requests raised: told once the answers that are under way have been given.
        self._broken: BaseException | None = None

    def __aiter__(self) -> Answers:
        return self

    async def __anext__(self):
        # As an asynchronous generator has it: two would be given the same answers.
        if self._asked:
            raise RuntimeError("another task waits for the next answer")
        self._asked = True
        try:
            return await self._next()
        finally:
            self._asked = False

    async def _next(self):
        crew = self._crew = self._crew or _crew()
        await self._fill(crew)
        if not crew.done:
            try:
                await crew.wait()
            except BaseException:
                # Cancelled: as an asynchronous generator, it has come to its end.
                self._ended = True
                crew.give_up()
                raise
            if not crew.done:
                return self._end()
        answer, error = crew.done.popleft()
        # While the program works on this one, the next is on its way.
        await self._fill(crew)
        if error is None:
            return answer
        if self._return_exceptions and isinstance(error, Exception):
            return error
        raise error

    def _end(self):
        broken, self._broken = self._broken, None
        raise StopAsyncIteration if broken is None else broken

    async def _fill(self, crew) -> None:
        while not self._ended and len(crew.busy) + len(crew.done) < self._concurrency:
            try:
                request = await self._requests.__anext__() if self._asynchronous else next(self._requests)
            except (StopIteration, StopAsyncIteration):
                self._ended = True
            except BaseException as error:
                self._ended, self._broken = True, error
            else:
                crew.send(self._call(request))

    def _call(self, request):
        if isinstance(request, Request):
            if self._options:
                raise TypeError("options are for URLs: a Request is sent as it is")
            return self._client.send(request)
        if isinstance(request, Mapping):
            return self._client.request(**{"method": "GET", **self._options, **request})
        return self._client.get(request, **self._options)

    async def aclose(self) -> None:
        """Send no more requests, and give up those that are under way."""
        self._ended = True
        if self._crew is not None:
            self._crew.done.clear()
            await self._crew.dismiss()
        # A generator that is given where it is made is nobody else's to close.
        if self._asynchronous and hasattr(self._requests, "aclose"):
            await self._requests.aclose()

    async def __aenter__(self) -> Answers:
        return self

    async def __aexit__(self, *exception) -> None:
        await self.aclose()

    def __del__(self) -> None:
        crew = getattr(self, "_crew", None)
        if crew is not None and crew.busy:
            crew.abandon()


def _crew():
    """Those who send in the loop that runs here."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        from ._mapped_trio import Crew as InTrio

        return InTrio()
    return Crew()


class Crew:
    """Sends requests in tasks of asyncio."""

    def __init__(self) -> None:
        self.busy: set[asyncio.Future] = set()
        #: Pairs of an answer and an error, one of them None.
        self.done: deque = deque()
        self._loop = asyncio.get_running_loop()

    def send(self, call) -> None:
        self.busy.add(asyncio.ensure_future(call))

    async def wait(self) -> None:
        """Until there is an outcome, if any will be."""
        if not self.busy:
            return
        busy = self.busy
        done, pending = await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
        # Else they were given up meanwhile.
        if self.busy is busy:
            self.busy = pending
            self.done.extend(_outcome(task) for task in done)

    def give_up(self) -> set[asyncio.Future]:
        busy, self.busy = self.busy, set()
        for task in busy:
            task.cancel()
            # Nobody wants to know.
            task.add_done_callback(_outcome)
        return busy

    async def dismiss(self) -> None:
        """Gives up, and waits until that is done."""
        await asyncio.gather(*self.give_up(), return_exceptions=True)

    def abandon(self) -> None:
        """Gives up, from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.give_up)


def _outcome(task):
    if task.cancelled():
        return None, asyncio.CancelledError()
    error = task.exception()
    return (task.result(), None) if error is None else (None, error)
