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


class InAsyncio:
    """What a test asks of its loop, where it runs on any of them."""

    sleep = staticmethod(asyncio.sleep)

    @staticmethod
    async def all(*coroutines):
        """Runs them at once, to their ends."""
        await asyncio.gather(*coroutines)

    @staticmethod
    async def cancelled(coroutine, after=0.05):
        """Cancels it while it waits."""
        task = asyncio.ensure_future(coroutine)
        await asyncio.sleep(after)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class InTrio:
    @staticmethod
    async def sleep(seconds):
        import trio

        await trio.sleep(seconds)

    @staticmethod
    async def all(*coroutines):
        import trio

        async def run(coroutine):
            await coroutine

        async with trio.open_nursery() as nursery:
            for coroutine in coroutines:
                nursery.start_soon(run, coroutine)

    @staticmethod
    async def cancelled(coroutine, after=0.05):
        import trio

        with trio.move_on_after(after) as scope:
            await coroutine
        assert scope.cancelled_caught


def on_every_loop(test):
    """As `on_loops`, and on trio's; the first argument is `InAsyncio` or `InTrio`."""
    parameters = list(inspect.signature(test).parameters.values())[1:]

    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("loop", [*RUN, "trio"])
    @functools.wraps(test)
    def run(loop, **fixtures):
        if loop == "trio":
            trio = pytest.importorskip("trio")
            return trio.run(functools.partial(test, InTrio, **fixtures))
        return RUN[loop](test(InAsyncio, **fixtures))

    first = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([first, *parameters])
    return run
