"""The async clients of the benchmark: `python async_clients.py CLIENT URL --at-once N (--seconds S | --count N)`.

N tasks send `GET URL` by one client, each again as soon as it has its answer, and one line of JSON says how many
requests that were, the wall time, the process's own CPU time, and the most
memory that it held. `--loop` takes asyncio's
own loop, uvloop, trio, or Twisted's reactor. `run_async.py` calls this, and `instructions.py` may.

A client is an async context manager: made from a `Task` it gives a coroutine function that sends one request and returns
the body. Connections are kept, and there are as many as tasks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import ssl
import sys
import time
from urllib.parse import urlsplit

CLIENTS = {}


class Task:
    """What is to be measured."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.url: str = arguments.url
        self.at_once: int = arguments.at_once
        self.ca_file: str | None = arguments.ca_file

    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None


def client(name: str):
    def add(function):
        CLIENTS[name] = contextlib.asynccontextmanager(function)
        return function

    return add


@client("asyncio-protocol")
async def bare_protocol(task: Task):
    """The least that a program can do on an event loop of Python's: fixed bytes out, a length counted in."""
    import asyncio

    loop = asyncio.get_running_loop()
    parts = urlsplit(task.url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()

    class Bare(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def send(self):
            self.received = b""
            self.waiter = loop.create_future()
            self.transport.write(request)
            return self.waiter

        def data_received(self, data):
            self.received = data = self.received + data if self.received else data
            head = data.find(b"\r\n\r\n") + 4
            if head >= 4:
                at = data.index(b"ontent-") + 7
                at = data.index(b"ength: ", at) + 7
                if len(data) >= head + int(data[at : data.index(b"\r", at)]):
                    self.waiter.set_result(data[head:])

    name = parts.hostname if task.ca_file else None
    made = [
        await loop.create_connection(Bare, parts.hostname, parts.port, ssl=task.tls(), server_hostname=name)
        for _ in range(task.at_once)
    ]
    idle = [protocol for _, protocol in made]

    async def send():
        protocol = idle.pop()
        body = await protocol.send()
        idle.append(protocol)
        return body

    yield send
    for transport, _ in made:
        transport.close()


@client("entreat")
async def entreat_client(task: Task):
    import entreat.aio

    knobs = {"verify": task.ca_file} if task.ca_file else {}
    async with entreat.aio.Client(**knobs) as made:
        get, url = made.get, task.url

        async def send():
            return (await get(url)).content

        yield send


@client("entreat-treq")
async def entreat_twisted(task: Task):
    import entreat.twisted as treq

    async def send():
        return await treq.content(await treq.get(task.url))

    yield send


@client("aiohttp")
async def aiohttp_session(task: Task):
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0, ssl=task.tls() or True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send():
            async with session.get(task.url) as response:
                return await response.read()

        yield send


@client("httpx")
async def httpx_client(task: Task):
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, verify=task.tls() or True) as made:

        async def send():
            return (await made.get(task.url)).content

        yield send


@client("pyreqwest")
async def pyreqwest_client(task: Task):
    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder().error_for_status(True)
    if task.ca_file:
        with open(task.ca_file, "rb") as file:
            builder = builder.add_root_certificate_pem(file.read())
    async with builder.build() as made:

        async def send():
            response = await made.get(task.url).build().send()
            return await response.bytes()

        yield send


@client("niquests")
async def niquests_session(task: Task):
    import niquests

    size = task.at_once
    async with niquests.AsyncSession(pool_connections=size, pool_maxsize=size, disable_http3=True) as session:

        async def send():
            return (await session.get(task.url, verify=task.ca_file or True)).content

        yield send


@client("treq")
async def treq_client(task: Task):
    import treq.client
    from twisted.internet import reactor
    from twisted.internet import ssl as twisted_ssl
    from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = task.at_once
    root = None
    if task.ca_file:
        with open(task.ca_file, "rb") as file:
            root = twisted_ssl.trustRootFromCertificates([twisted_ssl.Certificate.loadPEM(file.read())])
    made = treq.client.HTTPClient(Agent(reactor, BrowserLikePolicyForHTTPS(root), pool=pool))

    async def send():
        return await treq.content(await made.get(task.url))

    yield send
    await pool.closeCachedConnections()


# Loops: each runs `main(gather)`, where `gather(function, count)` runs so many coroutines at once.


def on_asyncio(main, make_loop=None):
    import asyncio

    async def gather(function, count):
        await asyncio.gather(*(function() for _ in range(count)))

    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=make_loop) as runner:
            return runner.run(main(gather))
    loop = make_loop() if make_loop else asyncio.new_event_loop()
    return loop.run_until_complete(main(gather))


def on_uvloop(main):
    import uvloop

    return on_asyncio(main, uvloop.new_event_loop)


def on_trio(main):
    import trio

    async def gather(function, count):
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(function)

    return trio.run(main, gather)


def on_twisted(main):
    from twisted.internet import defer, reactor

    async def gather(function, count):
        await defer.gatherResults([defer.ensureDeferred(function()) for _ in range(count)])

    outcome = []
    deferred = defer.ensureDeferred(main(gather))
    deferred.addBoth(outcome.append)
    deferred.addBoth(lambda _: reactor.stop())
    reactor.run()
    if hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    return outcome[0]


LOOPS = {"asyncio": on_asyncio, "uvloop": on_uvloop, "trio": on_trio, "twisted": on_twisted}


async def measured(task: Task, name: str, amount: argparse.Namespace, gather) -> dict[str, float]:
    async with CLIENTS[name](task) as send:
        expected = len(await send())
        if not expected:
            raise SystemExit("the answer is not what was asked for")
        left = 0

        async def work():
            nonlocal left
            while left > 0:
                left -= 1
                if len(await send()) != expected:
                    raise SystemExit("an answer differs from the first")

        async def turn(count):
            nonlocal left
            left = count
            before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            await gather(work, task.at_once)
            wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            return {"requests": count, "wall": wall, "cpu": cpu, "megabytes": after.ru_maxrss / 1024}

        # The first opens the connections, the second tells how many requests fill the time: the CPU's, since the wall's
        # depends on what else the machine does.
        await turn(2 * task.at_once)
        if amount.count:
            return await turn(amount.count)
        probe = await turn(max(200, task.at_once))
        return await turn(max(task.at_once, int(amount.seconds * probe["requests"] / probe["cpu"])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--ca-file", help="trust this authority, for https URLs")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--seconds", type=float)
    amount.add_argument("--count", type=int)
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    task = Task(arguments)
    print(
        json.dumps(LOOPS[arguments.loop](lambda gather: measured(task, arguments.client, arguments, gather))),
        flush=True,
    )
    # What was measured is over: a peer's threads that break Python's end off (pyreqwest 0.15) do not count.
    os._exit(0)


if __name__ == "__main__":
    main()
