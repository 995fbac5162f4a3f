"""The modern client: `entreat.Client`, and the values that it takes and gives.

    with entreat.Client(base_url="https://api.example.org/v1", auth="token") as client:
        for item in client.get("items", params={"page": 2}).raise_for_status().json():
            ...

Everything is done in Rust (`_native`); annotations and documentation of what is native are in `client.pyi`. Errors are in
`entreat.errors`. The drop-in for requests (`entreat.Session`) has the same names for the same things, and requests'
habits; docs/client.md shows the two side by side.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import MutableMapping

from . import _native
from ._native import Auth, Cookies, Headers, Request, Response, Upgraded

__all__ = (
    "Auth",
    "Client",
    "Cookies",
    "Downloaded",
    "Headers",
    "Limits",
    "PoolStats",
    "Redirecting",
    "Request",
    "Response",
    "Retry",
    "Retrying",
    "Timings",
    "Upgraded",
)

MutableMapping.register(Headers)


class Client(_native.Client):
    """Sends requests, keeps connections and cookies. Threads may share one; a forked child makes connections anew."""

    def map(self, requests, *, concurrency=8, return_exceptions=False, **options):
        """Send many requests, so many at once, and give their answers as they come, whole.

        A request is a URL, a `Request`, or a mapping of what `request` takes; `options` go with the first and the last.
        What fails is raised in its turn, after which iteration may go on, or given in place of an answer.
        """
        from ._mapped import Answers

        return Answers(self, requests, concurrency, return_exceptions, options)


#: How many connections there may be, and for how long they are kept. See `client.pyi`.
Limits = namedtuple(
    "Limits",
    ("total", "per_origin", "idle_total", "idle_per_origin", "idle_timeout", "max_age"),
    defaults=(None, None, 100, 10, 90.0, None),
)

#: For what, how often and how far apart a request that failed is sent again. See `client.pyi`.
Retry = namedtuple(
    "Retry",
    (
        "total",
        "connect",
        "read",
        "status",
        "statuses",
        "methods",
        "backoff",
        "max_backoff",
        "jitter",
        "retry_after",
        "max_retry_after",
    ),
    defaults=(
        None,
        None,
        None,
        (408, 429, 502, 503, 504),
        ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"),
        0.1,
        20.0,
        0.5,
        True,
        120.0,
    ),
)

#: What a client's connections are doing: `Client.pool_stats`.
PoolStats = namedtuple("PoolStats", ("idle", "in_use", "waiting", "opened", "reused"))

#: What a download came to: `Client.download`.
Downloaded = namedtuple("Downloaded", ("path", "length", "resumed_from"))

#: What the hooks `redirect` and `retry` are shown.
Redirecting = namedtuple("Redirecting", ("status_code", "headers", "url", "next_method", "next_url"))
Retrying = namedtuple("Retrying", ("attempt", "wait", "method", "url", "status_code", "error"))

#: Where the time of a request went: `Response.timings`.
Timings = namedtuple("Timings", ("queue", "resolve", "connect", "tls", "first_byte", "total"))

for _made in (Downloaded, Limits, PoolStats, Redirecting, Retry, Retrying, Timings):
    _made.__module__ = __name__
