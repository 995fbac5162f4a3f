"""`entreat.aio.Client.map`: many requests at once, their answers as they come. For asyncio; with trio, a nursery does it.

No more than `concurrency` requests are taken from the iterable ahead of the answers, so it may be endless.
"""

from __future__ import annotations

import asyncio
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
        self._tasks: set[asyncio.Future] = set()
        self._done: deque[asyncio.Future] = deque()
        self._ended = False
        #: What the iterable of requests raised: told once the answers that are under way have been given.
        self._broken: BaseException | None = None

    def __aiter__(self) -> Answers:
        return self

    async def __anext__(self):
        await self._fill()
        if not self._done:
            if not self._tasks:
                return self._end()
            done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self._done.extend(done)
        task = self._done.popleft()
        # While the program works on this one, the next is on its way.
        await self._fill()
        error = task.exception()
        if error is None:
            return task.result()
        if self._return_exceptions and isinstance(error, Exception):
            return error
        raise error

    def _end(self):
        broken, self._broken = self._broken, None
        raise StopAsyncIteration if broken is None else broken

    async def _fill(self) -> None:
        while not self._ended and len(self._tasks) + len(self._done) < self._concurrency:
            try:
                request = await self._requests.__anext__() if self._asynchronous else next(self._requests)
            except (StopIteration, StopAsyncIteration):
                self._ended = True
            except BaseException as error:
                self._ended, self._broken = True, error
            else:
                self._tasks.add(asyncio.ensure_future(self._call(request)))

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
        self._ended, tasks, self._tasks = True, self._tasks, set()
        self._done.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Answers:
        return self

    async def __aexit__(self, *exception) -> None:
        await self.aclose()
