"""A reactor of Twisted's as `entreat.aio` wants an event loop: it watches one descriptor and knows one timer. And `drive`, which
runs a coroutine of `entreat.aio` in it.

Whatever the reactor is (epoll, poll, select, kqueue, asyncio's), only `IReactorFDSet` and `IReactorTime` of it are used.
While no request is under way nothing of ours is in the reactor, neither a reader nor a delayed call: so trial finds it
clean, and a program ends when it wants to.
"""

from __future__ import annotations

import weakref

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from . import _native

_loops: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def loop_of(reactor) -> ReactorLoop:
    """The loop of a reactor, made when it is first asked for."""
    loop = _loops.get(reactor)
    if loop is None:
        if not IReactorFDSet.providedBy(reactor):
            raise TypeError(f"entreat.twisted needs a reactor that can watch descriptors, which {reactor!r} cannot")
        loop = _loops[reactor] = ReactorLoop(reactor)
    return loop


def drive(loop, call) -> Deferred:
    """Runs a coroutine of `entreat.aio` in the reactor."""
    deferred = Deferred(lambda _: give_up())
    loop.enter()

    def step(_=None):
        try:
            waiter = _native.aio.step(call, loop)
        except StopIteration as stop:
            loop.leave()
            if not deferred.called:
                deferred.callback(stop.value)
        except BaseException:
            loop.leave()
            if not deferred.called:
                deferred.errback(Failure())
        else:
            if isinstance(waiter, Deferred):
                # A coroutine of the program's, a hook perhaps, awaits it. What it came to is taken from it there.
                waiter.addBoth(step)
            else:
                waiter.add_done_callback(step)

    def give_up():
        call.close()
        loop.leave()
        deferred.errback(Failure(CancelledError()))

    step()
    return deferred


class ReactorLoop:
    """The methods of an asyncio loop that `entreat.aio` calls."""

    def __init__(self, reactor) -> None:
        # The reactor keeps this loop's readers and timers, and only weakly the loop.
        self._reactor = weakref.ref(reactor)
        self._busy = 0
        self._readers: dict[int, _Reader] = {}
        self._timers: set[_Timer] = set()

    @property
    def reactor(self):
        return self._reactor()

    # What the engine's net asks for.

    def add_reader(self, descriptor: int, callback, *arguments) -> None:
        self.remove_reader(descriptor)
        reader = self._readers[descriptor] = _Reader(descriptor, callback, arguments)
        if self._busy:
            self.reactor.addReader(reader)

    def remove_reader(self, descriptor: int) -> bool:
        reader = self._readers.pop(descriptor, None)
        if reader is not None and self.reactor is not None:
            self.reactor.removeReader(reader)
        return reader is not None

    def call_later(self, delay: float, callback, *arguments) -> _Timer:
        timer = _Timer(self, self.reactor.seconds() + delay, callback, arguments)
        self._timers.add(timer)
        if self._busy:
            timer.start()
        return timer

    def call_soon(self, callback, *arguments, context=None) -> None:
        function = callback if context is None else context.run
        self.reactor.callLater(0, function, *(arguments if context is None else (callback, *arguments)))

    def is_closed(self) -> bool:
        return self.reactor is None

    # What `entreat.twisted` says.

    def enter(self) -> None:
        """A request begins."""
        self._busy += 1
        if self._busy == 1:
            for reader in self._readers.values():
                self.reactor.addReader(reader)
            for timer in list(self._timers):
                timer.start()

    def leave(self) -> None:
        """A request is over, one way or another."""
        self._busy -= 1
        if self._busy == 0:
            for reader in self._readers.values():
                self.reactor.removeReader(reader)
            for timer in self._timers:
                timer.stop()


@implementer(IReadDescriptor)
class _Reader:
    def __init__(self, descriptor: int, callback, arguments) -> None:
        self._descriptor, self._callback, self._arguments = descriptor, callback, arguments

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> None:
        self._callback(*self._arguments)

    def connectionLost(self, reason) -> None:
        """The reactor lost its interest: nothing of ours to close."""

    def logPrefix(self) -> str:
        return "entreat"


class _Timer:
    """A delayed call that rests while no request is under way."""

    def __init__(self, loop: ReactorLoop, at: float, callback, arguments) -> None:
        self._loop, self._at, self._callback, self._arguments = loop, at, callback, arguments
        self._call = None

    def start(self) -> None:
        if self._call is None:
            reactor = self._loop.reactor
            self._call = reactor.callLater(max(0.0, self._at - reactor.seconds()), self._ring)

    def stop(self) -> None:
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def cancel(self) -> None:
        self.stop()
        self._loop._timers.discard(self)

    def _ring(self) -> None:
        self._call = None
        self._loop._timers.discard(self)
        self._callback(*self._arguments)
