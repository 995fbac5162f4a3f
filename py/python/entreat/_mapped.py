"""`Client.map`: many requests at once, their answers as they come.

A few threads of Python's, so that the interpreter waits for them at its end; each gives up the GIL while its request is
under way. No more than `concurrency` requests are taken from the iterable ahead of the answers, so it may be endless.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from ._native import Request


class Answers:
    """An iterator over answers, in the order in which they come. Closed at its end, by `close()`, or by `with`."""

    def __init__(self, client, requests, concurrency: int, return_exceptions: bool, options: dict) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise ValueError(f"concurrency must be a number above 0, not {concurrency!r}")
        self._client = client
        self._requests = iter(requests)
        self._return_exceptions = return_exceptions
        self._options = options
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="entreat-map")
        self._outcomes: SimpleQueue = SimpleQueue()
        self._pending = 0
        self._ended = False
        #: What the iterable of requests raised: told once the answers that are under way have been given.
        self._broken: BaseException | None = None

    def __iter__(self) -> Answers:
        return self

    def __next__(self):
        self._fill()
        if not self._pending:
            self.close()
            if self._broken is not None:
                broken, self._broken = self._broken, None
                raise broken
            raise StopIteration
        answer, error = self._outcomes.get()
        self._pending -= 1
        # While the program works on this one, the next is on its way.
        self._fill()
        if error is None:
            return answer
        if self._return_exceptions and isinstance(error, Exception):
            return error
        raise error

    def _fill(self) -> None:
        while not self._ended and self._pending < self._concurrency:
            try:
                request = next(self._requests)
            except StopIteration:
                self._ended = True
            except BaseException as error:
                self._ended, self._broken = True, error
            else:
                self._threads.submit(self._send, request)
                self._pending += 1

    def _send(self, request) -> None:
        try:
            outcome = self._answer(request), None
        except BaseException as error:
            outcome = None, error
        self._outcomes.put(outcome)

    def _answer(self, request):
        if isinstance(request, Request):
            if self._options:
                raise TypeError("options are for URLs: a Request is sent as it is")
            return self._client.send(request)
        if isinstance(request, Mapping):
            return self._client.request(**{"method": "GET", **self._options, **request})
        return self._client.get(request, **self._options)

    def close(self) -> None:
        """Send no more requests; those under way go on, and nobody is told of them."""
        # Those that no thread has taken up never come.
        self._ended, self._pending = True, 0
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def __del__(self) -> None:
        # Where the arguments were refused there are no threads.
        if "_threads" in self.__dict__:
            self.close()
