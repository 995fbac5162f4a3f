"""Tests that are coroutines, run on one event loop after the other.

    @on_loops
    async def test_something(origin): ...

takes fixtures as any test does. Loops that are not installed are passed over, but for asyncio's own.
"""

import asyncio
import functools
import inspect

import pytest


def _on_uvloop(coroutine):
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


class Unwatching(asyncio.SelectorEventLoop):
    """As asyncio's Proactor loop: it cannot watch a descriptor, so sockets are tokio's, on a thread of their own."""

    def add_reader(self, *_):
        raise NotImplementedError


def _unwatched(coroutine):
    with asyncio.Runner(loop_factory=Unwatching) as runner:
        return runner.run(coroutine)


RUN = {"asyncio": asyncio.run, "uvloop": _on_uvloop, "unwatched": _unwatched}


def on_loops(test):
    """Run a coroutine on each of the loops, with a limit that only what hangs reaches."""
    parameters = list(inspect.signature(test).parameters.values())

    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("loop", list(RUN))
    @functools.wraps(test)
    def run(loop, **fixtures):
        return RUN[loop](test(**fixtures))

    first = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([first, *parameters])
    return run
