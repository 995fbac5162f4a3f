"""Many at once: ten thousand tasks, ten thousand connections, a thousand cancelled. What the server holds is counted there.

The server is the testkit's bench origin, a process of its own with one thread.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import random
import resource
import subprocess
import sys

import pytest
from conftest import _origin_command
from entreat.aio import Client
from entreat.client import Limits
from loops import on_loops

MANY = 10_000
#: Of descriptors: the connections, and what else a process has.
ROOM = MANY + 200

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors and memory in /proc")


@contextlib.contextmanager
def _room_for_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ROOM:
        pytest.skip(f"a process may open {hard} files here, not {ROOM}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, ROOM), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Server:
    def __init__(self, process, url):
        self._process, self.url = process, url
        self._own = len(os.listdir(f"/proc/{process.pid}/fd"))

    def connections(self):
        return len(os.listdir(f"/proc/{self._process.pid}/fd")) - self._own

    async def settles_at(self, number):
        """The server hears of a closing a moment later than the client does it."""
        for _ in range(500):
            if self.connections() == number:
                return
            await asyncio.sleep(0.01)
        assert self.connections() == number


@pytest.fixture(scope="module")
def server():
    command = [pathlib.Path(_origin_command()).parent / "entreat-bench-origin", "--epoll", "--until-stdin-closes"]
    with (
        _room_for_connections(),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        url = json.loads(process.stdout.readline())["http"]
        yield Server(process, url)
        process.stdin.close()
        process.wait(timeout=10)


def _resident():
    """Kilobytes of this process in memory."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def test_ten_thousand_tasks_share_a_hundred_connections(server):
    asyncio.run(_ten_thousand_tasks(server))


async def _ten_thousand_tasks(server):
    async with Client(server.url, limits=Limits(total=100, idle_total=100, idle_per_origin=100)) as client:

        async def ask(number):
            response = await client.get(f"/bytes/{number % 1000}")
            return len(response.content)

        async def all_of_them():
            lengths = await asyncio.gather(*(ask(number) for number in range(MANY)))
            assert lengths == [number % 1000 for number in range(MANY)]
            assert client.pool_stats.opened == 100 and server.connections() == 100

        # The heap finds its shape first.
        for _ in range(3):
            await all_of_them()
        before = _resident()
        await all_of_them()
        assert _resident() - before < 2048
    await server.settles_at(0)


def test_ten_thousand_connections_are_open_at_once(server):
    asyncio.run(_ten_thousand_connections(server))


async def _ten_thousand_connections(server):
    turns = asyncio.Semaphore(200)
    async with Client(server.url, limits=Limits(idle_total=MANY, idle_per_origin=MANY)) as client:

        async def begin():
            # The system's queue of connections that are not accepted yet is short.
            async with turns:
                return await client.stream("GET", "/get")

        for _ in range(2):
            responses = await asyncio.gather(*(begin() for _ in range(MANY)))
            assert client.pool_stats.in_use == server.connections() == MANY
            bodies = await asyncio.gather(*(response.read() for response in responses))
            assert {len(body) for body in bodies} == {171}
            assert client.pool_stats[:2] == (MANY, 0)
        assert client.pool_stats.opened == MANY
    await server.settles_at(0)


@on_loops
async def test_a_thousand_cancelled_midway_leave_each_connection_reusable_or_closed(server):
    chance = random.Random(7)
    async with Client(server.url, limits=Limits(total=100, idle_total=100, idle_per_origin=100)) as client:

        async def ask():
            async with client.stream("GET", "/bytes/300000") as response:
                return len(await response.read())

        outcomes = []
        for _ in range(10):
            tasks = [asyncio.ensure_future(ask()) for _ in range(200)]
            doomed = chance.sample(tasks, 100)
            # Half of them when all have begun, and half when some are done: a turn of the loop serves many.
            for half in range(2):
                await asyncio.sleep(0)
                for task in doomed[half::2]:
                    task.cancel()
            outcomes += await asyncio.gather(*tasks, return_exceptions=True)
            assert client.pool_stats.in_use == client.pool_stats.waiting == 0
        whole = [outcome for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)]
        assert set(whole) == {300000} and len(whole) >= 1000
        # Some of the first half are done as well, where the server is quick.
        assert len(outcomes) - len(whole) >= 250
        await server.settles_at(client.pool_stats.idle)
        # All that are left are good.
        assert await asyncio.gather(*(ask() for _ in range(300))) == [300000] * 300
    await server.settles_at(0)
