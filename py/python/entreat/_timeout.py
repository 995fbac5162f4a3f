"""`timeout=entreat.Timeout(total=10)`: limits on the parts of a request, and on the whole of it.

requests calls its exception `Timeout`, so one name serves both: called with the keywords of limits, and nothing else,
`exceptions.Timeout` makes a `TimeLimits`. It is accepted wherever `timeout=` is. A number, a pair and a
`urllib3.Timeout` mean what they mean in requests.

The clock of a total starts once, in `Session.request`, `Session.send` or `HTTPAdapter.send`, whichever comes first
(`started`), and goes on through redirects, retries and the reading of the body. The engine keeps it. urllib3 has no
room for it: between it and the engine the limits travel inside the seconds that urllib3 is given (`for_urllib3`).
"""

from __future__ import annotations

import math
from time import monotonic

from ._lazy import types as _t
from .exceptions import Timeout

_PARTS = ("connect", "read", "write", "pool", "total")

#: More seconds than a socket takes; and what stands for no limit where there must be a number.
_TOO_LONG, _NO_LIMIT = 1e9, 9e8

#: A total that passes while connecting is to be told as such: the time to connect ends this much earlier.
_EARLIER = 0.001


class TotalPassed(TimeoutError):
    """What stands at the bottom of an exception where the total has passed."""


class TimeLimits(Timeout):
    """How long each part of a request may take, in seconds. A value: compared by its parts, pickled, never changed.

    Each part may be left out, which means no limit, as in requests; zero is refused.

    :param connect: name look-up, connection and TLS handshake together.
    :param read: between two reads that bring bytes; not for the whole body.
    :param write: between two writes that take bytes. Left out, it is `read`, which in requests bounds both.
    :param pool: waiting for a connection, where an adapter is made with ``pool_block=True``.
    :param total: everything from the call to the last byte of the body: redirects, retries and waiting between them
        included, and with ``stream=True`` the time until the program has read the body. A large download needs a
        large total, or none.
    """

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None
    total: float | None

    #: When the total passes, on the clock of `time.monotonic`; None before it is started.
    _until: float | None = None

    def __init__(self, **parts: float | None) -> None:
        for name in _PARTS:
            # A value: its class refuses assignment.
            self.__dict__[name] = _seconds(name, parts.get(name))

    def __setattr__(self, name: str, value: _t.Any) -> None:
        if name in _PARTS:
            raise AttributeError(f"{name} of a Timeout cannot be changed: make another one")
        super().__setattr__(name, value)

    def _key(self) -> tuple[float | None, ...]:
        return tuple(self.__dict__[name] for name in _PARTS)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, TimeLimits) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        given = [f"{name}={value!r}" for name, value in zip(_PARTS, self._key()) if value is not None]
        return f"entreat.Timeout({', '.join(given) or 'total=None'})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[_t.Any, ...]:
        return _made_of, self._key()

    def started(self) -> TimeLimits:
        """The same with the clock of its total running, once and for all."""
        if self.total is None or self._until is not None:
            return self
        twin = _made_of(*self._key())
        twin._until = monotonic() + self.total
        return twin

    def parts(self) -> tuple[float | None, ...]:
        """For the engine, from now on: connect, read, write, pool, and what is left of the total."""
        write = self.read if self.write is None else self.write
        if self._until is None:
            return self.connect, self.read, write, self.pool, self.total
        # None left: the engine says so at its first wait.
        left = max(self._until - monotonic(), 1e-6)
        connect = _earliest(self.connect, left - _EARLIER) if left > 2 * _EARLIER else self.connect
        return connect, self.read, write, self.pool, left

    def for_urllib3(self, timeout_class: type) -> _t.Any:
        """A `urllib3.Timeout` that says as much of this as it can, and has all of this inside."""
        connect, read, _, _, left = self.parts()
        return timeout_class(
            connect=_Seconds(self, self.connect, _earliest(connect, left)),
            read=_Seconds(self, self.read, _earliest(read, left)),
        )

    def has_passed(self) -> bool:
        """Whether there is nothing left of the total."""
        return self._until is not None and monotonic() >= self._until


class _Seconds(float):
    """Seconds as urllib3 sees them, which passes them on untouched; the engine finds the `limits` inside."""

    limits: TimeLimits

    def __new__(cls, limits: TimeLimits, part: float | None, binding: float | None) -> _Seconds:
        made = super().__new__(cls, _NO_LIMIT if binding is None else binding)
        made.limits = limits
        made._shown = repr(part) if binding == part else f"{limits.total!r} in total"
        return made

    def __repr__(self) -> str:
        return self._shown

    __str__ = __repr__


def started(timeout: _t.Any) -> _t.Any:
    """Start the clock of a total; whatever else a timeout may be passes as it is."""
    return timeout.started() if isinstance(timeout, TimeLimits) else timeout


def is_total(error: BaseException) -> bool:
    """Whether one of urllib3's exceptions stands for a total that has passed."""
    error = getattr(error, "reason", None) or error
    return isinstance(error.__cause__, TotalPassed)


def _made_of(*parts: float | None) -> TimeLimits:
    return TimeLimits(**dict(zip(_PARTS, parts)))


def _earliest(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)


def _seconds(part: str, value: _t.Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{part} must be a number of seconds, or None for no limit; it is {value!r}")
    if math.isnan(value) or not 0 < value < _TOO_LONG:
        raise ValueError(f"{part} must be above 0 and below 1e9 seconds, or None for no limit; it is {value!r}")
    return float(value)
