"""The modern client in trio: natively, with its cancel scopes and nurseries."""

import functools
import gc
import inspect
import os
import subprocess
import sys

import pytest
from entreat import errors
from entreat.aio import Client
from peers import RECEIVE, Answers, Peer

trio = pytest.importorskip("trio")


def in_trio(test):
    @pytest.mark.timeout(60)
    @functools.wraps(test)
    def run(**fixtures):
        return trio.run(functools.partial(test, **fixtures), strict_exception_groups=True)

    run.__signature__ = inspect.signature(test)
    return run


@in_trio
async def test_requests_and_streams(origin):
    async with Client(base_url=origin.http) as client:
        answer = await client.get("get", params={"a": 1})
        assert answer.json()["args"] == {"a": "1"}
        async with client.stream("GET", "stream/3") as answer:
            assert len([line async for line in answer.aiter_lines()]) == 3
    with pytest.raises(errors.ClientClosed):
        await client.get("get")


@in_trio
async def test_a_nursery_of_requests_over_tls(origin):
    statuses = []

    async def ask():
        statuses.append((await client.get(f"{origin.https}/get")).status_code)

    async with Client(verify=origin.ca_file) as client, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert statuses == [200] * 20


@in_trio
async def test_a_cancelled_scope_closes_the_connection_at_once():
    with Peer([RECEIVE, RECEIVE]) as peer:
        client = Client()
        with trio.move_on_after(0.05) as scope:
            await client.get(peer.url)
        assert scope.cancelled_caught and client.pool_stats[:3] == (0, 0, 0)
        assert peer.connections[0].closed.wait(5)


@in_trio
async def test_a_task_that_fails_cancels_the_requests_beside_it(origin):
    client = Client(base_url=origin.http)

    async def fail():
        await trio.sleep(0.05)
        raise KeyError("mine")

    with pytest.raises(BaseException, match="nursery"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, "delay/9")
            nursery.start_soon(client.get, "delay/9")
            nursery.start_soon(fail)
    assert client.pool_stats[:3] == (0, 0, 0)


@in_trio
async def test_time_outs_of_the_client_end_a_wait(origin):
    async with Client(base_url=origin.http) as client:
        started = trio.current_time()
        with pytest.raises(errors.ReadTimeout):
            await client.get("delay/5", timeout=0.05)
        assert trio.current_time() - started < 1


@in_trio
async def test_the_pieces_of_an_upload_are_awaited_in_the_task_itself(origin):
    tasks = set()

    async def body():
        for piece in (b"one,", b"", b"two"):
            tasks.add(trio.lowlevel.current_task())
            await trio.sleep(0)
            yield piece

    async with Client(base_url=origin.http) as client:
        assert (await client.post("post", content=body())).json()["data"] == "one,two"
        assert tasks == {trio.lowlevel.current_task()}


@in_trio
async def test_a_hook_may_await(origin):
    async def sign(request):
        await trio.sleep(0)
        request.headers["X-Signed"] = "yes"

    async with Client(base_url=origin.http, hooks={"request": sign}) as client:
        assert (await client.get("headers")).json()["headers"]["X-Signed"] == "yes"


def test_a_client_outlives_its_runs():
    with Peer(Answers()) as peer:
        client = Client()
        for _ in range(3):
            assert trio.run(client.get, peer.url).status_code == 200
            gc.collect()
            assert peer.connections[-1].closed.wait(5)
    assert len(peer.connections) == 3


def test_a_program_ends_without_a_warning(origin):
    program = """
import sys, trio, entreat.aio
async def main(url):
    client = entreat.aio.Client()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.get, url)
    await client.stream("GET", url + "/drip")
trio.run(main, sys.argv[1])
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, origin.http]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, env=dict(os.environ))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_trio_as_a_guest_of_asyncio(origin):
    import asyncio

    async def host():
        done = asyncio.get_running_loop().create_future()
        client = Client(base_url=origin.http)

        async def guest():
            return (await client.get("get")).status_code

        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=done.set_result,
        )
        assert (await client.get("get")).status_code == 200
        assert (await done).unwrap() == 200
        assert client.pool_stats.opened == 2

    asyncio.run(host())


def test_nothing_of_trio_is_imported_for_asyncio():
    program = "import entreat.aio, sys; assert not {'trio', 'asyncio'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
