"""Transports of the modern client, awaited: an ASGI app called in this process, callables, and the mock."""

import asyncio
import gc

import entreat
import pytest
from entreat import errors
from entreat.aio import Client
from entreat.mock import MockTransport, Reply
from loops import on_loops


def asgi(app, url="http://a.test", **options):
    return Client(url, transport=entreat.ASGITransport(app, **options))


async def echo(scope, receive, send):
    message = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-scope", repr(scope).encode())]})
    await send({"type": "http.response.body", "body": message["body"]})


@on_loops
async def test_an_app_sees_what_asgi_says():
    async with asgi(echo, "https://a.test:8443", root_path="/mount") as client:
        answer = await client.put("/p%C3%A4?q=%20", headers={"X-A": "ü"}, content=b"body")
    scope = eval(answer.headers["x-scope"])
    assert (answer.status_code, answer.content) == (201, b"body")
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("PUT", "/pä", b"/p%C3%A4")
    assert (scope["query_string"], scope["root_path"], scope["scheme"]) == (b"q=%20", "/mount", "https")
    assert scope["server"] == ("a.test", 8443) and scope["client"][0] == "127.0.0.1" and scope["type"] == "http"
    headers = dict(scope["headers"])
    assert (headers[b"host"], headers[b"x-a"], headers[b"content-length"]) == (b"a.test:8443", "ü".encode(), b"4")


@on_loops
async def test_a_stream_of_an_app_is_one_and_ends_the_app():
    sent, state = [], []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        try:
            for number in range(5):
                sent.append(number)
                await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            await send({"type": "http.response.body"})
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
        finally:
            state.append("ended")

    async with asgi(app) as client:
        async with client.stream("GET", "/") as answer:
            assert len(sent) == 1
            assert await anext(answer.aiter_bytes()) == b"0" and len(sent) <= 2
        del answer
        gc.collect()
        await asyncio.sleep(0.01)
        assert state == ["ended"]
        assert (await client.get("/")).content == b"01234" and state == ["ended"] * 2
        assert (await client.head("/")).content == b""


@on_loops
async def test_an_app_may_send_from_tasks_of_its_own():
    async def app(scope, receive, send):
        await receive()

        async def stream():
            await send({"type": "http.response.start", "status": 200})
            for piece in (b"a", b"b", b"c"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        listening = asyncio.ensure_future(receive())
        await asyncio.gather(stream(), asyncio.sleep(0))
        assert (await listening)["type"] == "http.disconnect"

    assert (await asgi(app).get("/")).content == b"abc"


@on_loops
async def test_many_calls_run_at_once_and_each_gets_its_own_answer():
    async def app(scope, receive, send):
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    async with asgi(app) as client:
        answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(50)))
    assert [answer.text for answer in answers] == [f"/{number}" for number in range(50)]


def failing(when):
    async def app(scope, receive, send):
        if when == "at once":
            raise KeyError("app")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        raise KeyError("app")

    return app


@pytest.mark.parametrize("when", ["at once", "later"])
def test_what_an_app_raises_is_what_the_call_raises(when, capsys):
    async def main():
        with pytest.raises(KeyError, match="app"):
            await asgi(failing(when)).get("/")
        client = asgi(failing(when), raise_app_exceptions=False)
        if when == "later":
            with pytest.raises(errors.ConnectionClosed):
                await client.get("/")
        else:
            assert (await client.get("/")).status_code == 500

    asyncio.run(main())
    assert "KeyError: 'app'" in capsys.readouterr().err


@on_loops
async def test_an_app_that_breaks_the_rules_is_told():
    async def silent(scope, receive, send):
        pass

    async def hasty(scope, receive, send):
        await send({"type": "http.response.body", "body": b"x"})

    for app, named in [(silent, "no response"), (hasty, "before its head")]:
        with pytest.raises(RuntimeError, match=named):
            await asgi(app).get("/")
    with pytest.raises(TypeError, match="callable"):
        entreat.ASGITransport(1)
    with pytest.raises(TypeError, match=r"entreat\.aio\.Client"):
        entreat.Client(transport=entreat.ASGITransport(echo))


@on_loops
async def test_a_call_that_is_cancelled_cancels_its_app():
    state = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            state.append("cancelled")
            raise

    task = asyncio.ensure_future(asgi(app).get("/"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert state == ["cancelled"]


def test_under_trio_an_app_runs_in_the_task_of_its_caller():
    trio = pytest.importorskip("trio")

    async def main():
        answer = await asgi(echo).post("/", content=b"body")
        assert (answer.status_code, answer.content) == (201, b"body")
        with pytest.raises(KeyError, match="app"):
            await asgi(failing("later")).get("/")

    trio.run(main)


@on_loops
async def test_policies_run_over_a_mock_and_over_a_callable():
    mock = MockTransport()
    mock.on("GET", "/a").reply(302, headers=[("Location", "/b"), ("Set-Cookie", "a=b")])
    mock.on("GET", "/b").reply(503).reply("there")
    retries = entreat.Retry(1, backoff=0.0)
    async with Client("http://a.test", transport=mock, retries=retries) as client:
        answer = await client.get("/a")
    assert (answer.text, answer.attempts, mock.requests[-1].headers["Cookie"]) == ("there", 2, "a=b")

    async def handler(request):
        await asyncio.sleep(0)
        return Reply(json={"url": request.url})

    async with Client(transport=handler) as client:
        assert (await client.get("http://a.test/")).json() == {"url": "http://a.test/"}
