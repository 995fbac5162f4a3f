"""Bodies between Twisted and the engine: those of responses, given to protocols, and those of requests, from producers.

Both ways nothing is read before it is wanted. Called by `twisted.py`; `_reactor.py` runs what has to wait.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from ._reactor import drive

#: How a body ends well.
_DONE = Failure(ResponseDone())


class Body:
    """A body that is kept, for whoever asks for it."""

    def __init__(self, original, loop) -> None:
        self._original, self._loop = original, loop
        self._pieces: list[bytes] = []
        self._end: Failure | None = None
        self._delivery: Delivery | None = None
        self._protocols: list = []
        self._whole = False
        if not hasattr(original, "aiter_bytes"):
            # One that was followed: its body has been read, as far as anybody wanted it.
            self._pieces = [original.content] if original.content else []
            self._end = _DONE

    def want_whole(self) -> None:
        """It may come in one piece, which is cheaper, should nobody have asked for it yet."""
        self._whole = True

    def deliver(self, protocol) -> None:
        if self._end is None:
            self._protocols.append(protocol)
            if self._delivery is None:
                self._delivery = Delivery(self._original, self._loop, self, whole=self._whole)
            protocol.makeConnection(self._delivery)
            for piece in self._pieces:
                protocol.dataReceived(piece)
            self._delivery.start()
            return
        protocol.makeConnection(Delivery(self._original, self._loop, protocol, whole=True))
        for piece in self._pieces:
            protocol.dataReceived(piece)
        protocol.connectionLost(self._end)

    # The protocol of the one delivery.

    def makeConnection(self, transport) -> None:
        """Told to each protocol apart."""

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)
        for protocol in list(self._protocols):
            protocol.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:
        self._end = reason
        protocols, self._protocols = self._protocols, []
        for protocol in protocols:
            protocol.connectionLost(reason)


@implementer(IPushProducer)
class Delivery:
    """Reads a body piece by piece, and no further than its protocol wants."""

    disconnecting = False

    def __init__(self, original, loop, protocol, *, whole: bool = False) -> None:
        self._pieces = None if whole else original.aiter_bytes()
        self._original, self._loop, self._protocol = original, loop, protocol
        self._reading: Deferred | None = None
        self._started = self._paused = self._over = False

    def start(self) -> None:
        if not self._started:
            self._started = True
            self._protocol.makeConnection(self)
            if self._pieces is None:
                self._reading = drive(self._loop, self._original.read())
                self._reading.addCallbacks(self._received_whole, self._ended)
            else:
                self._read()

    def _read(self) -> None:
        while self._reading is None and not self._paused and not self._over:
            reading = self._reading = drive(self._loop, self._pieces.__anext__())
            reading.addCallbacks(self._received, self._ended)

    def _received(self, piece: bytes) -> None:
        self._reading = None
        if not self._over:
            self._protocol.dataReceived(piece)
            self._read()

    def _received_whole(self, body: bytes) -> None:
        self._reading = None
        if not self._over and body:
            self._protocol.dataReceived(body)
        if not self._over:
            self._over = True
            self._protocol.connectionLost(_DONE)

    def _ended(self, failure: Failure) -> None:
        self._reading = None
        if not self._over:
            self._over = True
            done = failure.check(StopAsyncIteration) is not None
            self._protocol.connectionLost(_DONE if done else failure)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        if self._paused:
            self._paused = False
            if self._pieces is not None:
                self._read()

    def stopProducing(self) -> None:
        self.loseConnection()

    def loseConnection(self) -> None:
        """Wants no more of it: the connection is closed."""
        if self._over:
            return
        self._over = True
        if self._reading is not None:
            self._reading.addErrback(lambda _: None)
            self._reading.cancel()
        self._original.close()
        self._protocol.connectionLost(Failure(CancelledError()))

    abortConnection = loseConnection


class Collector(Protocol):
    def __init__(self, finished: Deferred, collector) -> None:
        self._finished, self._collector = finished, collector

    def dataReceived(self, data: bytes) -> None:
        if self._finished.called:
            return
        try:
            self._collector(data)
        except BaseException:
            self._finished.errback(Failure())
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure) -> None:
        if self._finished.called:
            return
        if reason.check(ResponseDone):
            self._finished.callback(None)
        else:
            self._finished.errback(reason)


class Produced:
    """The body of an `IBodyProducer`, piece by piece, held back where the network is slower."""

    #: Bytes that may wait before the producer is told to pause.
    MOST = 65536

    def __init__(self, producer) -> None:
        self._producer = producer
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._paused = self._started = self._over = False
        self._failure: Failure | None = None
        self._promise: _Promise | None = None

    @property
    def length(self) -> int | None:
        return None if self._producer.length == UNKNOWN_LENGTH else self._producer.length

    def __aiter__(self) -> Produced:
        return self

    async def __anext__(self) -> bytes:
        if not self._started:
            self._started = True
            self._producer.startProducing(self).addCallbacks(lambda _: self._end(None), self._end)
        while not self._pieces:
            if self._failure is not None:
                self._failure.raiseException()
            if self._over:
                raise StopAsyncIteration
            self._promise = _Promise()
            await self._promise
        body, self._pieces, self._waiting = b"".join(self._pieces), [], 0
        if self._paused and not self._over:
            self._paused = False
            self._producer.resumeProducing()
        return body

    async def aclose(self) -> None:
        if self._started and not self._over:
            self._over = True
            self._producer.stopProducing()

    # What the producer calls.

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting > self.MOST and not self._paused:
            self._paused = True
            self._producer.pauseProducing()
        self._wake()

    def registerProducer(self, producer, streaming) -> None:
        """The producer is known already."""

    def unregisterProducer(self) -> None:
        """Its Deferred says when it is done."""

    def _end(self, failure) -> None:
        self._over, self._failure = True, failure
        self._wake()

    def _wake(self) -> None:
        promise, self._promise = self._promise, None
        if promise is not None:
            promise.keep()


class _Promise:
    """What `_drive` waits for."""

    def __init__(self) -> None:
        self._kept, self._callback = False, None

    def add_done_callback(self, callback) -> None:
        self._callback = callback
        if self._kept:
            callback(self)

    def keep(self) -> None:
        self._kept = True
        if self._callback is not None:
            self._callback(self)

    def __await__(self):
        while not self._kept:
            yield self
