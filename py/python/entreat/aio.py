"""The modern client for programs that await: `entreat.aio.Client`.

    async with entreat.aio.Client(base_url="https://api.example.org/v1") as client:
        response = await client.get("items", params={"page": 2})
        async with client.stream("GET", "log") as response:
            async for line in response.aiter_lines():
                ...

It is `entreat.Client` with the same arguments, settings and errors, in any event loop of asyncio (uvloop among them) and in
trio. Everything is done in Rust (`_native.aio`): the loop watches one descriptor, and there is no thread. Annotations and
documentation of what is native are in `aio.pyi`; docs/aio.md tells more.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Coroutine

from . import _native
from .client import Auth, Cookies, Downloaded, Headers, PoolStats, Request, Retry, Timings

__all__ = (
    "Auth",
    "Client",
    "Cookies",
    "Downloaded",
    "Headers",
    "Limits",
    "PoolStats",
    "Request",
    "Response",
    "Retry",
    "Timings",
    "Upgraded",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "request",
)

Response, Upgraded = _native.aio.Response, _native.aio.Upgraded

Coroutine.register(_native.aio.Call)


class Client(_native.aio.Client):
    """Sends requests, keeps connections and cookies. Any number of tasks, event loops and threads may share one."""

    def map(self, requests, *, concurrency=8, return_exceptions=False, **options):
        """Send many requests, so many at once, and give their answers as they come, whole: ``async for``.

        A request is a URL, a `Request`, or a mapping of what `request` takes; `options` go with the first and the last.
        What fails is raised in its turn, after which iteration may go on, or given in place of an answer.
        """
        from ._mapped_aio import Answers

        return Answers(self, requests, concurrency, return_exceptions, options)


#: As `entreat.client.Limits`, but that more connections are kept, since many are idle for a moment. See `aio.pyi`.
Limits = namedtuple(
    "Limits",
    ("total", "per_origin", "idle_total", "idle_per_origin", "idle_timeout", "max_age"),
    defaults=(None, None, 1000, 1000, 90.0, None),
)
Limits.__module__ = __name__


#: Of the functions below: it keeps no cookies, and each event loop has connections of its own, until it is closed.
_client = Client(cookies=False)


def request(method, url, **options):
    """Send a request without a client, and read its answer."""
    return _client.request(method, url, **options)


def get(url, **options):
    """Send ``GET url``."""
    return _client.get(url, **options)


def options(url, **options):
    """Send ``OPTIONS url``."""
    return _client.options(url, **options)


def head(url, **options):
    """Send ``HEAD url``."""
    return _client.head(url, **options)


def post(url, **options):
    """Send ``POST url``."""
    return _client.post(url, **options)


def put(url, **options):
    """Send ``PUT url``."""
    return _client.put(url, **options)


def patch(url, **options):
    """Send ``PATCH url``."""
    return _client.patch(url, **options)


def delete(url, **options):
    """Send ``DELETE url``."""
    return _client.delete(url, **options)
