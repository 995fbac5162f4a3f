"""What is awaited in the middle of a request, on every loop: hooks, credentials, and the pieces of a body nobody wants."""

import asyncio
import sys

import entreat
import pytest
from entreat import errors
from entreat.aio import Client
from entreat.client import Retry
from loops import InAsyncio, on_every_loop, on_loops
from peers import OK, RECEIVE, RESET, Answers, Peer, response


@on_every_loop
async def test_hooks_on_redirects_and_retries_may_be_coroutine_functions(loop):
    seen = []

    async def tell(event):
        await loop.sleep(0)
        seen.append(type(event).__name__)

    async def refuse(event):
        await loop.sleep(0)
        if event.next_url.endswith("/no"):
            raise KeyError("mine")

    hooks = {"redirect": [tell, refuse, lambda event: seen.append(event.status_code)], "retry": tell}
    answers = [response("503 No", b""), response("302 Found", Location="/b"), OK, response("302 Found", Location="/no")]
    with Peer(Answers(*answers)) as peer:
        async with Client(hooks=hooks, retries=Retry(1, backoff=0.0)) as client:
            assert (await client.get(peer.url)).text == "ok"
            with pytest.raises(KeyError, match="mine"):
                await client.get(peer.url)
    assert seen == ["Retrying", "Redirecting", 302, "Redirecting"]
    assert len(peer.completed) == 4


@on_every_loop
async def test_a_stop_iteration_of_a_hook_is_no_answer(loop):
    with Peer(Answers(response("302 Found", Location="/b"))) as peer:
        for event in ("request", "redirect"):
            async with Client(hooks={event: lambda _: next(iter(()))}) as client:
                with pytest.raises(RuntimeError, match="raised StopIteration"):
                    await client.get(peer.url)


@on_every_loop
async def test_a_download_is_shown_to_hooks_and_signed(loop, tmp_path):
    async def mark(request):
        await loop.sleep(0)
        request.headers["Marked"] = "yes"

    async def sign(request):
        await loop.sleep(0)
        request.headers["Authorization"] = "mine"

    with Peer(Answers(OK)) as peer:
        async with Client(hooks={"request": mark}, auth=sign) as client:
            assert (await client.download(peer.url, tmp_path / "file")).length == 2
    [(_, sent)] = peer.completed
    assert b"Marked: yes" in sent and b"Authorization: mine" in sent


@on_loops
async def test_a_coroutine_is_one_tasks_and_the_other_is_told():
    with Peer([RECEIVE, 0.05, OK]) as peer:
        async with Client() as client:
            call = client.get(peer.url)
            first, second = asyncio.ensure_future(call), asyncio.ensure_future(call)
            with pytest.raises(RuntimeError, match="awaited already"):
                await second
            assert (await first).text == "ok"


@on_loops
async def test_a_piece_of_a_body_is_bytes_like():
    async def pieces(piece):
        yield piece

    with Peer([RECEIVE]) as peer:
        async with Client() as client:
            for piece in (3, (1, 2), None):
                for content in (pieces(piece), iter([piece])):
                    with pytest.raises(TypeError, match="bytes-like"):
                        await client.post(peer.url, content=content)


@on_every_loop
async def test_a_request_is_cancelled_while_a_hook_is_awaited(loop):
    async def wait(_):
        await loop.sleep(30)

    with Peer(Answers(response("302 Found", Location="/b"))) as peer:
        async with Client(hooks={"redirect": wait}) as client:
            await loop.cancelled(client.get(peer.url))
            assert client.pool_stats.in_use == 0


@on_every_loop
async def test_the_total_time_out_ends_a_hook(loop):
    async def wait(_):
        await loop.sleep(30)

    with Peer(Answers(response("302 Found", Location="/b"))) as peer:
        async with Client(hooks={"redirect": wait}, timeout=entreat.Timeout(total=0.1)) as client:
            with pytest.raises(errors.TotalTimeout):
                await client.get(peer.url)
            # The task is none the worse for it.
            await loop.sleep(0)


class Rounds:
    """Answers challenges, as an `httpx.Auth` does."""

    def __init__(self, loop):
        self.loop, self.seen = loop, []

    def auth_flow(self, request):
        raise AssertionError("the other one goes before it")
        yield request

    async def async_auth_flow(self, request):
        await self.loop.sleep(0)
        request.headers["Authorization"] = "first"
        response = yield request
        while response.status_code == 401:
            await self.loop.sleep(0.01)
            self.seen.append(response.headers["X-Nonce"])
            request.headers["Authorization"] = response.headers["X-Nonce"]
            response = yield request


class Plain:
    """The same as an asynchronous generator under the plain name."""

    def __init__(self, loop):
        self.rounds = Rounds(loop)
        self.seen = self.rounds.seen

    def auth_flow(self, request):
        return self.rounds.async_auth_flow(request)


@on_every_loop
async def test_an_auth_flow_may_be_an_asynchronous_generator(loop):
    for make in (Rounds, Plain):
        auth = make(loop)
        refused = [response("401 No", X_Nonce=nonce) for nonce in ("one", "two")]
        with Peer(Answers(*refused, OK)) as peer:
            async with Client(auth=auth) as client:
                assert (await client.post(peer.url, content="body")).text == "ok"
        assert auth.seen == ["one", "two"]
        sent = [request for _, request in peer.completed]
        wanted = (b"first", b"one", b"two")
        assert all(b"\r\nAuthorization: " + each + b"\r\n" in request for each, request in zip(wanted, sent))
        assert all(request.endswith(b"body") for request in sent)


@on_every_loop
async def test_a_callable_may_return_what_has_to_be_awaited(loop):
    async def token(request):
        await loop.sleep(0)
        request.headers["Authorization"] = "mine"

    with Peer(Answers()) as peer:
        async with Client(auth=lambda request: token(request)) as client:
            await client.get(peer.url)
    assert b"\r\nAuthorization: mine\r\n" in peer.requests[0]


@on_every_loop
async def test_what_an_asynchronous_flow_raises_is_what_the_call_raises(loop):
    class Broken:
        async def async_auth_flow(self, request):
            yield request
            raise KeyError("mine")

    with Peer(Answers()) as peer:
        async with Client(auth=Broken()) as client:
            with pytest.raises(KeyError, match="mine"):
                await client.get(peer.url)
        with entreat.Client(auth=Broken()) as client, pytest.raises(TypeError, match="awaited"):
            client.get(peer.url)


def test_the_blocking_client_takes_the_synchronous_flow():
    class Both(Rounds):
        def sync_auth_flow(self, request):
            request.headers["Authorization"] = "mine"
            yield request

    with Peer(Answers()) as peer, entreat.Client(auth=Both(None)) as client:
        client.get(peer.url)
    assert b"\r\nAuthorization: mine\r\n" in peer.requests[0]


# A refusal while the next piece of a body is awaited.

REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


def refusing(*steps):
    """A script: takes a piece of the body, and says what it thinks of the rest."""

    def play(connection):
        connection.requests.append(b"")
        connection._through(b"first\r\n")
        for step in steps:
            connection.reset() if step == RESET else connection.send(step)
        if RESET not in steps:
            connection.socket.recv(1)

    return play


def pieces(loop, ended):
    async def give():
        try:
            yield b"first"
            await loop.sleep(30)
            yield b"second"
        finally:
            ended.append("cancelled")

    return give()


@on_every_loop
async def test_a_refusal_is_heard_before_the_next_piece(loop):
    ended = []
    with Peer(refusing(REFUSED)) as peer:
        async with Client() as client:
            answer = await client.post(peer.url, content=pieces(loop, ended))
            assert (answer.status_code, answer.text) == (413, "no")
            # On a thread of its own the engine may hear it even before the piece is asked for.
            assert ended in (["cancelled"], [])
            # Whoever was interrupted is none the worse for it.
            await loop.sleep(0.01)
            assert client.pool_stats[:2] == (0, 0)


@on_every_loop
async def test_a_reset_is_heard_before_the_next_piece(loop):
    ended = []
    with Peer(refusing(RESET)) as peer:
        async with Client() as client:
            with pytest.raises(ConnectionError):
                await client.post(peer.url, content=pieces(loop, ended))
    assert ended in (["cancelled"], [])


@on_every_loop
async def test_an_upload_is_cancelled_while_its_next_piece_is_awaited(loop):
    ended = []
    with Peer([RECEIVE]) as peer:
        async with Client() as client:
            await loop.cancelled(client.post(peer.url, content=pieces(loop, ended)))
            assert ended == ["cancelled"] and client.pool_stats.in_use == 0


@pytest.mark.skipif(sys.version_info < (3, 11), reason="cancellations are not counted")
@on_loops
async def test_a_refusal_is_no_cancellation_of_the_task():
    with Peer(refusing(REFUSED)) as peer:
        async with Client() as client:
            async with asyncio.timeout(10):
                assert (await client.post(peer.url, content=pieces(InAsyncio, []))).status_code == 413
            assert asyncio.current_task().cancelling() == 0
