"""The Python clients of the benchmark: `python clients.py CLIENT URL (--seconds S | --count N)`.

Sends `GET URL` by one client, again and again, and prints one line of JSON: how many requests, and the wall time and the
process's own CPU time that they took. `rust/src/main.rs` is the same for Rust; `run.py` and `instructions.py` call both.

A client is a function that is given a URL and returns two: one sends a request, the other tells of what the first
returned how long its body was (or whatever else shows that the answer is right). Only the first is measured.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import resource
import socket
import sys
import time
from urllib.parse import urlsplit

WARM_UP = 100
# New connections leave their ports waiting for a minute: an upper bound spares the machine's supply.
MOST_NEW_CONNECTIONS = 2000

CLIENTS = {}


def client(name: str):
    def add(function):
        CLIENTS[name] = function
        return function

    return add


# One connection, kept.


def by_session(module: str):
    """The clients of a package that is requests, or looks like it: three ways to use one session."""

    def untouched(url):
        session = __import__(module).Session()
        return functools.partial(session.get, url), _length_of_content

    def read(url):
        session = __import__(module).Session()

        def send():
            response = session.get(url)
            return response.status_code, response.headers["Content-Type"], response.text

        return send, lambda answer: len(answer[2])

    def json_of(url):
        session = __import__(module).Session()
        return lambda: session.get(url).json(), len

    def module_level(url):
        return functools.partial(__import__(module).get, url), _length_of_content

    CLIENTS[f"{module}-session"] = untouched
    CLIENTS[f"{module}-session-read"] = read
    CLIENTS[f"{module}-session-json"] = json_of
    CLIENTS[f"{module}-get"] = module_level


def _length_of_content(response) -> int:
    if getattr(response, "lane", "express") != "express":
        raise SystemExit(f"the response came by the {response.lane} lane")
    return len(response.content) if response.status_code == 200 else 0


by_session("entreat")
by_session("requests")


@client("entreat-client")
def entreat_client(url):
    import entreat

    return functools.partial(entreat.Client().get, url), lambda response: len(response.content)


@client("entreat-client-read")
def entreat_client_read(url):
    import entreat

    made = entreat.Client()

    def send():
        response = made.get(url)
        return response.status_code, response.headers["Content-Type"], response.text

    return send, lambda answer: len(answer[2])


@client("urllib3-pool")
def urllib3_pool(url):
    import urllib3

    return functools.partial(urllib3.PoolManager().request, "GET", url), lambda response: len(response.data)


@client("http.client")
def http_client(url):
    import http.client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)

    def send():
        connection.request("GET", parts.path)
        return connection.getresponse().read()

    return send, len


@client("pycurl")
def pycurl_handle(url):
    import pycurl

    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    return functools.partial(_perform, pycurl, handle), len


@client("pycurl-json")
def pycurl_json(url):
    send, _ = pycurl_handle(url)
    return lambda: json.loads(send()), len


def _perform(pycurl, handle) -> bytes:
    body = io.BytesIO()
    handle.setopt(pycurl.WRITEDATA, body)
    handle.perform()
    return body.getvalue()


@client("python-raw")
def raw(url):
    address, request = _address_and_request(url)
    stream = socket.create_connection(address)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head, length = _first_exchange(stream, request)
    return functools.partial(_exchange, stream, request, head, length), len


# A connection for each request, or whatever the client does when no session is made.


@client("python-raw-new")
def raw_new(url):
    address, request = _address_and_request(url)
    with socket.create_connection(address) as stream:
        head, length = _first_exchange(stream, request)

    def send():
        with socket.create_connection(address) as stream:
            return _exchange(stream, request, head, length)

    return send, len


@client("urllib3-request")
def urllib3_request(url):
    import urllib3

    return functools.partial(urllib3.request, "GET", url), lambda response: len(response.data)


@client("pycurl-new")
def pycurl_new(url):
    import pycurl

    def send():
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, url)
        try:
            return _perform(pycurl, handle)
        finally:
            handle.close()

    return send, len


def _address_and_request(url: str) -> tuple[tuple[str, int], bytes]:
    parts = urlsplit(url)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n"
    return (parts.hostname, parts.port), request.encode()


def _first_exchange(stream: socket.socket, request: bytes) -> tuple[int, int]:
    """How long an answer's head is, and all of it."""
    stream.sendall(request)
    received = stream.recv(65536)
    head = received.index(b"\r\n\r\n") + 4
    fields = dict(line.split(b": ", 1) for line in received[:head].lower().split(b"\r\n")[1:-2])
    length = head + int(fields[b"content-length"])
    while len(received) < length:
        received += stream.recv(65536)
    return head, length


def _exchange(stream: socket.socket, request: bytes, head: int, length: int) -> bytes:
    """The least that a client can do: send fixed bytes, then read as many as the first answer had."""
    stream.sendall(request)
    received = stream.recv(65536)
    while len(received) < length:
        received += stream.recv(65536)
    return received[head:]


# Floors: no request at all, only what comes after it.


@client("json.loads")
def floor_json(url):
    send, _ = raw(url)
    return functools.partial(json.loads, send()), len


@client("orjson.loads")
def floor_orjson(url):
    import orjson

    send, _ = raw(url)
    return functools.partial(orjson.loads, send()), len


def count_for(seconds: float, send) -> int:
    """How many requests fill that time, judged by the second half of a warm-up."""
    for _ in range(WARM_UP // 2):
        send()
    started = time.perf_counter()
    for _ in range(WARM_UP // 2):
        send()
    return int(seconds * (WARM_UP // 2) / (time.perf_counter() - started)) + 1


def measure(send, count: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    for _ in range(count):
        send()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"requests": count, "wall": wall, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--seconds", type=float)
    amount.add_argument("--count", type=int)
    arguments = parser.parse_args()
    send, length = CLIENTS[arguments.client](arguments.url)
    expected = length(send())
    if not expected:
        raise SystemExit("the answer is not what was asked for")
    count = arguments.count or min(count_for(arguments.seconds, send), _most(arguments.client))
    result = measure(send, count)
    if length(send()) != expected:
        raise SystemExit("the last answer differs from the first")
    print(json.dumps(result))


def _most(client: str) -> int:
    return MOST_NEW_CONNECTIONS if client.endswith(("-new", "-get", "-request")) else sys.maxsize


if __name__ == "__main__":
    main()
