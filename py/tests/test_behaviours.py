"""The behaviours that Rust and Python share, as data: each case of testkit/behaviours, by each face of the client."""

import asyncio
import ssl
import types

import behaviours
import entreat
import entreat.aio
import pytest
import trustme

try:
    import trio
except ImportError:
    trio = None
try:
    from entreat._reactor import drive, loop_of
    from twisted.internet import defer, epollreactor
    from twisted.python.failure import Failure
except ImportError:
    epollreactor = None


class Blocking:
    """`entreat.Client`. Its coroutines never wait: one step runs all of it."""

    def __init__(self, **knobs):
        self._client = entreat.Client(**knobs)

    @staticmethod
    def run(coroutine):
        with pytest.raises(StopIteration):
            coroutine.send(None)

    async def request(self, method, url, **options):
        return self._client.request(method, url, **options)

    async def glance(self, method, url, **options):
        with self._client.stream(method, url, **options) as answer:
            return answer

    def cookies(self):
        return {name: self._client.cookies[name] for name in self._client.cookies}

    async def close(self):
        self._client.close()


class Asyncio:
    """`entreat.aio.Client`, in a loop of its own for each case."""

    run = staticmethod(asyncio.run)

    def __init__(self, **knobs):
        self._client = entreat.aio.Client(**knobs)

    async def request(self, method, url, **options):
        return await self._client.request(method, url, **options)

    async def glance(self, method, url, **options):
        async with self._client.stream(method, url, **options) as answer:
            return answer

    def cookies(self):
        return {name: self._client.cookies[name] for name in self._client.cookies}

    async def close(self):
        await self._client.aclose()


class Trio(Asyncio):
    """The same in trio."""

    @staticmethod
    def run(coroutine):
        trio.run(lambda: coroutine)


class Twisted(Asyncio):
    """The same in a reactor of Twisted's, as `entreat.twisted` drives it."""

    @staticmethod
    def run(coroutine):
        outcome = []
        defer.ensureDeferred(coroutine).addBoth(outcome.append)
        while not outcome:
            REACTOR.iterate(0.05)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()

    async def request(self, method, url, **options):
        return await self._drive(self._client.request(method, url, **options))

    async def glance(self, method, url, **options):
        answer = await self._drive(self._client.send(self._client.build_request(method, url, **options), stream=True))
        answer.close()
        return answer

    async def close(self):
        await self._drive(self._client.aclose())

    @staticmethod
    def _drive(call):
        return drive(loop_of(REACTOR), call)


FACES = {"blocking": Blocking, "asyncio": Asyncio}
#: Faces whose library is not installed are left out.
if trio:
    FACES["trio"] = Trio
if epollreactor:
    FACES["twisted"] = Twisted
    # It runs only while something is waited for.
    REACTOR = epollreactor.EPollReactor()
    REACTOR.startRunning(installSignalHandlers=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """What the peers over TLS show, and the path of what it is trusted by."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("a.test", "b.test", "*.a.test").configure_cert(context)
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return types.SimpleNamespace(context=context, path=str(path))


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
@pytest.mark.parametrize("name", behaviours.CASES)
def test_behaviour(name, face, authority, tmp_path):
    face.run(behaviours.play(behaviours.CASES[name], face, authority, tmp_path))
