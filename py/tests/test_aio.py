"""The modern client, awaited: what it sends, what comes back, and that it is a good citizen of its event loop."""

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading

import entreat
import entreat.aio
import pytest
from entreat import errors
from entreat.aio import Client
from loops import RUN, on_loops
from peers import CLOSE, HOLD, OK, RECEIVE, Answers, Peer, response


@on_loops
async def test_a_get_brings_status_headers_and_body(origin):
    async with Client() as client:
        answer = await client.get(f"{origin.http}/get", params={"a": 1, "b": ["x", "y"]})
    assert (answer.status_code, answer.reason, answer.ok) == (200, "OK", True)
    assert answer.headers["content-TYPE"] == "application/json"
    assert answer.json()["args"] == {"a": "1", "b": ["x", "y"]}
    assert answer.text.encode() == answer.content == await answer.read()
    assert isinstance(answer, entreat.aio.Response) and isinstance(answer, entreat.client.Response)


@pytest.mark.parametrize("method", ["get", "options", "head", "post", "put", "patch", "delete"])
def test_every_verb_is_sent_as_it_is_called(method):
    async def main(url):
        async with Client() as client:
            assert (await getattr(client, method)(url)).status_code == 200
            assert (await getattr(entreat.aio, method)(url)).status_code == 200

    with Peer(Answers()) as peer:
        asyncio.run(main(peer.url))
    assert [sent.startswith(method.upper().encode() + b" / HTTP/1.1\r\n") for sent in peer.requests] == [True, True]


@on_loops
async def test_over_tls(origin):
    async with Client(verify=origin.ca_file) as client:
        first = await client.get(f"{origin.https}/get")
        again = await client.post(f"{origin.https}/post", json={"a": "ü"})
    assert first.status_code == 200 and again.json()["json"] == {"a": "ü"}
    assert client.pool_stats.opened == 1


@on_loops
async def test_redirects_are_followed_and_cookies_kept(origin):
    async with Client(base_url=origin.http) as client:
        answer = await client.get("cookies/set", params={"a": "1"})
        assert answer.json()["cookies"] == {"a": "1"} and len(answer.history) == 1
        assert client.cookies["a"] == "1"


def test_cookies_are_shared_by_the_loops_of_a_client(origin):
    client = Client(base_url=origin.http, cookies={"mine": "0"})
    asyncio.run(client.get("cookies/set", params={"a": "1"}))
    assert asyncio.run(client.get("cookies", cookies={"b": "2"})).json()["cookies"] == {"mine": "0", "a": "1", "b": "2"}


@on_loops
async def test_arguments_are_checked_where_the_call_is_made():
    client = Client()
    with pytest.raises(errors.InvalidUrl):
        client.get("nowhere")
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        client.get("http://127.0.0.1/", nonsense=1)


@on_loops
async def test_errors_are_those_of_the_sync_client(refused):
    async with Client() as client:
        with pytest.raises(errors.ConnectError) as raised:
            await client.get(refused)
    assert raised.value.request.url == refused + "/"


@on_loops
async def test_many_at_once_share_connections(origin):
    async with Client() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get(f"{origin.http}/get")) for _ in range(50)]
        answers = await asyncio.gather(*(client.get(f"{origin.http}/get") for _ in range(50)))
        assert [answer.status_code for answer in answers] == [200] * 50
        assert [(await task).status_code for task in tasks] == [200] * 50
        assert client.pool_stats.in_use == 0


@on_loops
async def test_limits_are_honoured_first_come_first_served(origin):
    order = []

    async def ask(number):
        await client.get(f"{origin.http}/get")
        order.append(number)

    async with Client(limits=entreat.client.Limits(total=1)) as client:
        await asyncio.gather(*(ask(number) for number in range(20)))
        assert (order, client.pool_stats.opened) == (list(range(20)), 1)


@on_loops
async def test_context_variables_stay_those_of_the_task(origin):
    variable = contextvars.ContextVar("variable")

    async def ask(number):
        variable.set(number)
        await client.get(f"{origin.http}/get")
        return variable.get()

    async with Client() as client:
        assert await asyncio.gather(*map(ask, range(20))) == list(range(20))


# Streams.


@on_loops
async def test_a_stream_is_read_by_pieces_text_and_lines(origin):
    async with Client(base_url=origin.http) as client:
        async with client.stream("GET", "bytes/100000") as answer:
            assert not answer.is_closed
            assert sum([len(piece) async for piece in answer]) == 100000
        async with client.stream("GET", "stream/3") as answer:
            lines = [line async for line in answer.aiter_lines()]
        async with client.stream("GET", "stream/3") as answer:
            assert "".join([text async for text in answer.aiter_text()]).splitlines() == lines
        assert len(lines) == 3 and answer.is_closed
        assert client.pool_stats == (1, 0, 0, 1, 2)


@on_loops
async def test_a_body_that_is_here_can_be_iterated_as_well(origin):
    async with Client(base_url=origin.http) as client:
        answer = await client.get("stream/3")
        assert [line async for line in answer.aiter_lines()] == answer.text.splitlines()
        assert b"".join([piece async for piece in answer.aiter_bytes(7)]) == answer.content


@on_loops
async def test_a_stream_can_be_awaited_and_read_whole(origin):
    async with Client(base_url=origin.http) as client:
        answer = await client.stream("GET", "get")
        assert await answer.read() == answer.content and answer.json()["url"] == f"{origin.http}/get"
        sent = await client.send(client.build_request("GET", "get"), stream=True)
        async with sent:
            assert await sent.read() and client.pool_stats.in_use == 0


@on_loops
async def test_a_stream_that_was_not_read_closes_its_connection(origin):
    async with Client(base_url=origin.http) as client:
        async with client.stream("GET", "drip", params={"numbytes": 5, "duration": 5}) as answer:
            with pytest.raises(errors.StreamConsumed, match="await response.read"):
                _ = answer.content
            assert client.pool_stats.in_use == 1
        with pytest.raises(errors.StreamConsumed, match="closed"):
            await answer.read()
        assert client.pool_stats[:2] == (0, 0)


@on_loops
async def test_two_readers_of_a_stream_are_told(origin):
    async with Client(base_url=origin.http) as client:
        async with client.stream("GET", "drip", params={"numbytes": 2, "duration": 1}) as answer:
            first = asyncio.ensure_future(answer.read())
            await asyncio.sleep(0)
            with pytest.raises(errors.StreamConsumed, match="another task"):
                await answer.read()
            assert await first == b"**"


@on_loops
async def test_a_body_that_breaks_off_goes_with_its_error():
    with Peer([RECEIVE, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", CLOSE]) as peer:
        async with Client() as client:
            with pytest.raises(errors.ConnectionClosed) as raised:
                await client.get(peer.url)
            assert raised.value.response.status_code == 200
            async with client.stream("GET", peer.url) as answer:
                pieces = answer.aiter_bytes()
                assert await pieces.__anext__() == b"some"
                with pytest.raises(errors.ConnectionClosed):
                    await pieces.__anext__()
                with pytest.raises(StopAsyncIteration):
                    await pieces.__anext__()
            assert client.pool_stats[:2] == (0, 0)


@on_loops
async def test_nothing_is_read_ahead_of_whoever_reads(origin):
    async with Client(base_url=origin.http) as client:
        async with client.stream("GET", "bytes/100000", params={"chunk_size": 65536}) as answer:
            await asyncio.sleep(0.05)
            first = await answer.aiter_bytes(1000).__anext__()
            assert len(first) <= 1000


# Bodies of requests.


@on_loops
async def test_sync_iterables_and_files_are_uploaded(origin, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"from a file")
    async with Client(base_url=origin.http) as client:
        sent = await client.post("post", content=(piece for piece in (b"one,", b"two")))
        assert sent.json()["data"] == "one,two"
        with open(path, "rb") as file:
            assert (await client.post("post", content=file)).json()["data"] == "from a file"
        sent = await client.post("post", data={"a": "b"}, files={"f": ("name", b"content")})
        assert (sent.json()["form"], sent.json()["files"]) == ({"a": "b"}, {"f": "content"})


@on_loops
async def test_a_body_that_raises_halfway_ends_the_request_with_that(origin):
    def broken():
        yield b"some"
        raise KeyError("mine")

    async with Client(base_url=origin.http) as client:
        with pytest.raises(KeyError, match="mine"):
            await client.post("post", content=broken())
        assert client.pool_stats[:2] == (0, 0)
        assert (await client.get("get")).status_code == 200


# Cancellation.


async def cancelled(client, awaitable, stage):
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(0.05)
    assert not task.done(), stage
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.pool_stats[:3] == (0, 0, 0), stage


@on_loops
async def test_a_cancelled_request_closes_its_connection_at_once():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"
    for stage, script in [("wait", [RECEIVE, RECEIVE]), ("body", [RECEIVE, answer, RECEIVE])]:
        with Peer(script) as peer:
            async with Client() as client:
                await cancelled(client, client.get(peer.url), stage)
            assert peer.connections[0].closed.wait(5), stage


@on_loops
async def test_a_request_is_cancelled_while_it_shakes_hands():
    with Peer([HOLD]) as peer:
        async with Client() as client:
            await cancelled(client, client.get(peer.url.replace("http:", "https:")), "tls")


@on_loops
async def test_a_request_is_cancelled_while_it_connects():
    async with Client(resolve={"far.test": "192.0.2.1"}, timeout=5) as client:
        task = asyncio.ensure_future(client.get("http://far.test/"))
        await asyncio.sleep(0.05)
        task.cancel()
        # Where there is no route, that is told first.
        with pytest.raises((asyncio.CancelledError, errors.ConnectError)):
            await task
        assert client.pool_stats[:3] == (0, 0, 0)


@on_loops
async def test_an_upload_is_cancelled_while_the_peer_does_not_read():
    with Peer([HOLD]) as peer:
        async with Client() as client:
            await cancelled(client, client.post(peer.url, content=bytes(50_000_000)), "upload")


@on_loops
async def test_a_request_is_cancelled_in_the_queue():
    with Peer([RECEIVE, HOLD]) as peer:
        async with Client(limits=entreat.client.Limits(total=1)) as client:
            first = asyncio.ensure_future(client.get(peer.url))
            second = asyncio.ensure_future(client.get(peer.url))
            await asyncio.sleep(0.05)
            assert client.pool_stats.waiting == 1
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert client.pool_stats.waiting == 0
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first


@on_loops
async def test_whoever_is_next_in_the_queue_gets_the_turn_of_a_cancelled_request():
    with Peer([RECEIVE, HOLD], [RECEIVE, OK]) as peer:
        async with Client(limits=entreat.client.Limits(total=1)) as client:
            first = asyncio.ensure_future(client.get(peer.url))
            second = asyncio.ensure_future(client.get(peer.url))
            await asyncio.sleep(0.05)
            first.cancel()
            assert (await second).status_code == 200


@on_loops
async def test_a_timeout_of_asyncio_is_a_cancellation(origin):
    async with Client(base_url=origin.http) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get("delay/5")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("delay/5"), 0.05)
        async with client.stream("GET", "drip", params={"numbytes": 2, "duration": 8}) as answer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await answer.read()
            assert answer.is_closed
        assert client.pool_stats[:3] == (0, 0, 0)


@on_loops
async def test_a_thousand_cancelled_midway_leave_nothing(origin):
    async with Client(base_url=origin.http, limits=entreat.client.Limits(total=50)) as client:
        tasks = [asyncio.ensure_future(client.get("get")) for _ in range(1000)]
        while client.pool_stats.opened < 50:
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {entreat.aio.Response, asyncio.CancelledError}
        assert client.pool_stats[1:3] == (0, 0)
        assert (await client.get("get")).status_code == 200


@on_loops
async def test_time_outs_of_the_client_end_a_wait(origin):
    async with Client(base_url=origin.http) as client:
        with pytest.raises(errors.ReadTimeout):
            await client.get("delay/5", timeout=0.05)
        with pytest.raises(errors.TotalTimeout):
            await client.get("drip", params={"numbytes": 9, "duration": 9}, timeout=entreat.Timeout(total=0.1))


# Bad use.


def test_a_call_that_is_never_awaited_warns_and_sends_nothing():
    with Peer(Answers()) as peer:
        client = Client()
        with pytest.warns(RuntimeWarning, match=r"coroutine 'Client\.get' was never awaited"):
            client.get(peer.url)
            gc.collect()
        client.get(peer.url).close()
        assert peer.requests == [] and client.pool_stats.opened == 0


def test_outside_of_a_loop_it_says_so(refused):
    with pytest.raises(RuntimeError, match="no running event loop"):
        Client().get(refused).send(None)


@on_loops
async def test_a_call_is_awaited_once(origin):
    async with Client(base_url=origin.http) as client:
        call = client.get("get")
        await call
        with pytest.raises(RuntimeError, match="already awaited"):
            await call
        opening = client.stream("GET", "get")
        async with opening:
            pass
        with pytest.raises(RuntimeError, match="opened before"):
            await opening


@on_loops
async def test_a_closed_client_refuses(origin):
    client = Client(base_url=origin.http)
    async with client.stream("GET", "get") as answer:
        await client.aclose()
        assert client.is_closed and await answer.read()
    with pytest.raises(errors.ClientClosed):
        await client.get("get")
    with pytest.raises(errors.ClientClosed):
        async with client:
            pass
    assert client.pool_stats[:2] == (0, 0)


@pytest.mark.parametrize("loop", list(RUN))
def test_a_client_outlives_its_loops(origin, loop):
    client = Client(base_url=origin.http)
    for _ in range(3):
        assert RUN[loop](client.get("get")).status_code == 200
    # What the loops before had is gone.
    assert client.pool_stats.opened == 1


def test_threads_share_a_client(origin):
    client, statuses = Client(base_url=origin.http), []

    async def ask():
        answers = await asyncio.gather(*(client.get("get") for _ in range(20)))
        statuses.extend(answer.status_code for answer in answers)

    threads = [threading.Thread(target=asyncio.run, args=(ask(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80


def test_a_stream_belongs_to_its_loop(origin):
    client = Client(base_url=origin.http)
    answer = asyncio.run(client.send(client.build_request("GET", "drip"), stream=True))

    async def read():
        await answer.read()

    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(read())


@pytest.mark.parametrize("loop", list(RUN))
def test_a_loop_may_be_closed_while_requests_are_under_way(loop):
    with Peer([RECEIVE, RECEIVE], [RECEIVE, OK]) as peer:
        client = Client()

        async def leave():
            task = asyncio.ensure_future(client.get(peer.url))
            await asyncio.sleep(0.05)
            return task

        made = RUN[loop](leave())
        assert made.cancelled() and peer.connections[0].closed.wait(5)
        assert RUN[loop](client.get(peer.url)).status_code == 200


@on_loops
async def test_a_client_may_be_dropped_while_requests_are_under_way(origin):
    task = asyncio.ensure_future(Client().get(f"{origin.http}/delay/0.1"))
    await asyncio.sleep(0)
    gc.collect()
    assert (await task).status_code == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_connections_of_its_own(origin):
    program = f"""
import asyncio, os, warnings
from entreat.aio import Client
warnings.simplefilter("ignore", DeprecationWarning)
client = Client(base_url={origin.http!r})
async def ask():
    return (await client.get("get")).status_code
assert asyncio.run(ask()) == 200
async def forked():
    assert await ask() == 200
    child = os.fork()
    if child == 0:
        asyncio.events._set_running_loop(None)
        os._exit(0 if asyncio.new_event_loop().run_until_complete(ask()) == 200 and client.pool_stats.opened == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert await ask() == 200 and client.pool_stats.opened == 1
asyncio.run(forked())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


QUIET = """
import asyncio, sys
import entreat.aio
{more}
async def main(url):
    client = entreat.aio.Client()
    await asyncio.gather(*(client.get(url) for _ in range(5)))
    pending = asyncio.ensure_future(client.get(url + "/delay/9"))
    opened = await client.stream("GET", url + "/drip")
    await asyncio.sleep(0.02)
    if sys.argv[2] == "cancel":
        pending.cancel()
{run}(main(sys.argv[1]))
"""


@pytest.mark.parametrize("pending", ["cancel", "leave"])
@pytest.mark.parametrize(("more", "run"), [("", "asyncio.run"), ("import uvloop", "uvloop.run")])
def test_a_program_ends_without_a_warning(origin, more, run, pending):
    if more:
        pytest.importorskip("uvloop")
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", QUIET.format(more=more, run=run), origin.http, pending]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nothing_is_left_of_a_loop_that_is_gone(origin):
    async def ask(client):
        await asyncio.gather(*(client.get("get") for _ in range(5)))
        asyncio.ensure_future(client.get("delay/9"))
        await asyncio.sleep(0)

    def descriptors():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("needs /proc")
    client = Client(base_url=origin.http)
    asyncio.run(ask(client))
    before = descriptors()
    for _ in range(5):
        asyncio.run(ask(client))
    assert descriptors() == before


@on_loops
async def test_a_hook_sees_requests_and_responses(origin):
    seen = []
    hooks = {
        "request": lambda request: seen.append(request.method),
        "response": lambda answer: seen.append(answer.text),
    }
    async with Client(hooks=hooks) as client:
        answer = await client.get(f"{origin.http}/get")
    assert seen == ["GET", answer.text]


@on_loops
async def test_a_peer_that_sends_nonsense_is_an_error():
    with Peer(Answers(b"nonsense\r\n\r\n", response(body=b"fine"))) as peer:
        async with Client() as client:
            with pytest.raises(errors.ProtocolError):
                await client.get(peer.url)
            assert (await client.get(peer.url)).text == "fine"


# What Python is awaited for inside of a request.


@on_loops
async def test_the_pieces_of_an_upload_are_awaited_in_the_task_itself(origin):
    variable, tasks = contextvars.ContextVar("variable"), set()
    variable.set("mine")

    async def body():
        for piece in ("one,", b"", bytearray(b"two,")):
            tasks.add(asyncio.current_task())
            await asyncio.sleep(0)
            yield piece
        yield variable.get().encode()

    async with Client(base_url=origin.http) as client:
        assert (await client.post("post", content=body())).json()["data"] == "one,two,mine"
        assert tasks == {asyncio.current_task()}


@on_loops
async def test_an_upload_of_many_pieces_that_never_wait(origin):
    async def body():
        for _ in range(5000):
            yield b"x"

    async with Client(base_url=origin.http) as client:
        assert (await client.post("post", content=body())).json()["data"] == "x" * 5000


@on_loops
async def test_an_async_body_that_raises_halfway_ends_the_request_with_that(origin):
    async def broken():
        yield b"some"
        await asyncio.sleep(0)
        raise KeyError("mine")

    async with Client(base_url=origin.http) as client:
        with pytest.raises(KeyError, match="mine"):
            await client.post("post", content=broken())
        assert client.pool_stats[:2] == (0, 0)
        assert (await client.get("get")).status_code == 200


@on_loops
async def test_an_upload_is_cancelled_while_its_next_piece_is_awaited(origin):
    ended = []

    async def endless():
        try:
            yield b"some"
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with Client(base_url=origin.http) as client:
        await cancelled(client, client.post("post", content=endless()), "upload")
        assert ended == ["cancelled"]


@on_loops
async def test_a_piece_that_is_not_bytes_is_an_error(origin):
    async def wrong():
        yield object()

    async with Client(base_url=origin.http) as client:
        with pytest.raises(TypeError):
            await client.post("post", content=wrong())


def test_the_sync_client_refuses_an_asynchronous_body(refused):
    async def body():
        yield b""

    with entreat.Client() as client, pytest.raises(errors.InvalidBody, match="asynchronous"):
        client.post(refused, content=body())


@on_loops
async def test_hooks_may_be_coroutine_functions(origin):
    seen = []

    async def sign(request):
        await asyncio.sleep(0)
        request.headers["X-Signed"] = "yes"

    async def replace(request):
        return entreat.client.Request("GET", request.url, headers=dict(request.headers) | {"X-Second": "yes"})

    async def check(answer):
        await asyncio.sleep(0)
        seen.append(answer.status_code)

    hooks = {"request": [sign, replace], "response": [check, lambda answer: seen.append(answer.text)]}
    async with Client(hooks=hooks) as client:
        answer = await client.get(f"{origin.http}/headers")
        assert answer.json()["headers"].items() >= {"X-Signed": "yes", "X-Second": "yes"}.items()
        assert seen == [200, answer.text]


@on_loops
async def test_what_a_hook_raises_is_what_the_call_raises(origin):
    async def refuse(_):
        await asyncio.sleep(0)
        raise KeyError("mine")

    for event in ("request", "response"):
        async with Client(hooks={event: refuse}) as client:
            with pytest.raises(KeyError, match="mine"):
                await client.get(f"{origin.http}/get")
            assert client.pool_stats.in_use == 0


# Many at once, and files.


@on_loops
async def test_a_download(origin, tmp_path):
    steps = []
    async with Client(base_url=origin.http) as client:
        path = tmp_path / "file"
        done = await client.download("bytes/50000", path, progress=lambda done, total: steps.append((done, total)))
        assert done.length == path.stat().st_size == 50000 and steps[-1] == (50000, 50000)
        with pytest.raises(errors.StatusError):
            await client.download("status/404", path)


@on_loops
async def test_a_mock_answers_in_the_place_of_a_network():
    async with Client(transport=lambda request: request.url) as client:
        answer = await client.get("http://example.org/a")
        assert (answer.status_code, answer.text) == (200, "http://example.org/a")


@on_loops
async def test_auth_may_be_a_coroutine_function(origin):
    async def sign(request):
        await asyncio.sleep(0)
        request.headers["Authorization"] = "Bearer mine"

    async with Client(base_url=origin.http, auth=sign) as client:
        assert (await client.get("bearer")).json()["token"] == "mine"
        # Not for other origins, nor over what the call says.
        assert (
            "Authorization"
            not in (await client.get(f"{origin.http.replace('127.0.0.1', 'localhost')}/headers")).json()["headers"]
        )
        assert (await client.get("bearer", auth="other")).json()["token"] == "other"
    async with Client(base_url=origin.http) as client:
        assert (await client.get("bearer", auth=sign)).json()["token"] == "mine"


def test_the_other_net_can_be_asked_for(origin, monkeypatch):
    monkeypatch.setenv("ENTREAT_NET", "tokio")

    async def main():
        async with Client(base_url=origin.http) as client:
            assert (await client.get("get")).status_code == 200
        return [thread.name for thread in threading.enumerate()]

    asyncio.run(main())
    # Threads of the engine's are none of Python's.
    assert asyncio.run(main()) == ["MainThread"]
