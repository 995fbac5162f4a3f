"""Connections that change to another protocol: `Response.upgrade`, awaited on every loop, and blocking."""

import base64
import gc
import hashlib
import socket
import ssl
import threading

import entreat
import pytest
import trustme
from entreat import errors
from entreat.aio import Client
from loops import on_every_loop
from peers import HOLD, OK, RECEIVE, RESET, Answers, Peer, response

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
ASKING = {"Connection": "Upgrade", "Upgrade": "echo"}


def echo(greeting=b"", answer=SWITCH):
    """A script: answers, and sends back what it receives until the client ends its side."""

    def play(connection):
        connection.receive()
        connection.send(answer + greeting)
        while data := connection.socket.recv(65536):
            connection.send(data)
        connection.socket.shutdown(socket.SHUT_WR)

    return play


async def read_all(connection):
    return b"".join([piece async for piece in connection])


@on_every_loop
async def test_after_101_the_connection_is_the_programs_and_no_byte_is_lost(loop):
    with Peer(echo(b"hello")) as peer:
        async with Client() as client:
            answer = await client.get(peer.url, headers=ASKING)
            assert (answer.status_code, answer.content) == (101, b"")
            async with answer.upgrade() as connection:
                assert (connection.protocol, connection.response) == ("echo", answer)
                assert (await connection.read(3), await connection.read(3)) == (b"hel", b"lo")
                await connection.write(b"ping")
                assert await connection.read() == b"ping"
                await connection.write(memoryview(b"last"))
                await connection.write_eof()
                assert await read_all(connection) == b"last"
                assert await connection.read() == b""
                assert client.pool_stats[:2] == (0, 1)
            assert client.pool_stats[:2] == (0, 0) and connection.is_closed


@on_every_loop
async def test_connect_gives_the_tunnel_out_of_a_stream_too(loop):
    with Peer(echo(b"hello", b"HTTP/1.1 200 Established\r\n\r\n")) as peer:
        async with Client() as client:
            async with client.stream("CONNECT", peer.url) as answer:
                connection = answer.upgrade()
            # The response ends; the connection goes on.
            assert await connection.read() == b"hello" and connection.protocol is None
            await connection.aclose()
    assert peer.requests[0].startswith(f"CONNECT 127.0.0.1:{peer.port} ".encode())


@on_every_loop
async def test_both_directions_are_used_at_once_over_tls_as_well(loop):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    # More than sockets hold: whoever wrote it all before reading would wait for ever.
    much = bytes(range(256)) * (16 << 10)

    async def write(connection):
        await connection.write(much)
        await connection.write_eof()

    async def read(connection):
        received = bytearray()
        while len(received) < len(much):
            received += await connection.read()
        assert received == much

    def wrap(accepted):
        return context.wrap_socket(accepted, server_side=True)

    for options in ({}, {"wrap": wrap}):
        with Peer(echo(), **options) as peer:
            async with Client(verify=authority.cert_pem.bytes()) as client:
                connection = (await client.get(peer.url, headers=ASKING)).upgrade()
                await loop.all(write(connection), read(connection))
                connection.close()


@on_every_loop
async def test_a_read_that_is_cancelled_loses_no_byte(loop):
    with Peer(echo()) as peer:
        async with Client() as client, (await client.get(peer.url, headers=ASKING)).upgrade() as connection:
            await loop.cancelled(connection.read())
            await connection.write(b"ping")
            assert await connection.read(1) == b"p"
            await loop.cancelled(connection.write(bytes(64 << 20)))
            # The peer would take what comes next for the rest.
            with pytest.raises(errors.ConnectionBroken, match="cancelled|may have been sent"):
                await connection.write(b"more")
            assert await connection.read(3) == b"ing"


@on_every_loop
async def test_a_direction_is_one_tasks_and_whoever_waits_hears_of_the_end(loop):
    heard = []

    async def wait(connection):
        with pytest.raises(errors.ConnectionBroken, match="closed"):
            await connection.read()
        heard.append("closed")

    async def close(connection):
        await loop.sleep(0.05)
        with pytest.raises(RuntimeError, match="another task is reading"):
            await connection.read()
        await connection.aclose()
        with pytest.raises(errors.ConnectionBroken, match="closed"):
            await connection.write(b"more")

    with Peer(echo()) as peer:
        async with Client() as client:
            connection = (await client.get(peer.url, headers=ASKING)).upgrade()
            await loop.all(wait(connection), close(connection))
    assert heard == ["closed"]


@on_every_loop
async def test_a_reset_is_told_to_each_that_reads(loop):
    with Peer([RECEIVE, SWITCH + b"some", 0.05, RESET]) as peer:
        async with Client() as client, (await client.get(peer.url, headers=ASKING)).upgrade() as connection:
            assert await connection.read() == b"some"
            for _ in range(2):
                with pytest.raises(errors.ConnectionBroken):
                    await connection.read()


@on_every_loop
async def test_a_broken_connection_is_told_to_each_that_writes(loop):
    with Peer([RECEIVE, SWITCH, RESET]) as peer:
        async with Client() as client, (await client.get(peer.url, headers=ASKING)).upgrade() as connection:
            with pytest.raises(errors.ConnectionBroken):
                await connection.read()
            for _ in range(3):
                with pytest.raises(errors.ConnectionBroken):
                    await connection.write(b"more")


@on_every_loop
async def test_what_changes_nothing_cannot_be_upgraded(loop):
    with Peer(Answers(response("403 Forbidden", b"no"), OK)) as peer:
        async with Client() as client:
            answer = await client.get(peer.url, headers=ASKING)
            with pytest.raises(errors.StatusError, match="403") as caught:
                answer.upgrade()
            assert caught.value.response is answer and answer.content == b"no"
            assert (await client.get(peer.url)).text == "ok"
    assert len(peer.connections) == 1


@on_every_loop
async def test_a_switched_connection_that_nobody_wants_is_closed(loop):
    with Peer([RECEIVE, SWITCH, RECEIVE]) as peer:
        async with Client() as client:
            await client.get(peer.url, headers=ASKING)
            gc.collect()
            assert client.pool_stats[:2] == (0, 0)
            answer = await client.get(peer.url, headers=ASKING)
            answer.upgrade().close()
            with pytest.raises(errors.StatusError, match="taken, or closed"):
                answer.upgrade()
        assert peer.connections[0].closed.wait(5)


@on_every_loop
async def test_websocket_by_wsproto(loop):
    wsproto = pytest.importorskip("wsproto")
    from wsproto.connection import Connection, ConnectionType
    from wsproto.events import CloseConnection, Ping, Pong, TextMessage

    def server(peer):
        asked = peer.receive().decode()
        key = next(line.split(": ")[1] for line in asked.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        greeting = Connection(ConnectionType.SERVER)
        head = SWITCH.replace(b"echo", b"websocket")[:-2] + b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        peer.send(head + greeting.send(Ping(b"there?")))
        while greeting.state is not wsproto.connection.ConnectionState.CLOSED:
            greeting.receive_data(peer.socket.recv(65536) or None)
            for event in greeting.events():
                if isinstance(event, TextMessage):
                    peer.send(greeting.send(TextMessage(event.data.upper())))
                elif isinstance(event, CloseConnection):
                    peer.send(greeting.send(event.response()))

    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    seen = []
    with Peer(server) as peer:
        async with Client() as client, (await client.get(peer.url, headers=headers)).upgrade() as connection:
            assert connection.protocol == "websocket"
            assert connection.response.headers["Sec-WebSocket-Accept"]
            talk = Connection(ConnectionType.CLIENT)
            await connection.write(talk.send(TextMessage("grüße")))
            async for data in connection:
                talk.receive_data(data)
                for event in talk.events():
                    seen.append(event.data if isinstance(event, TextMessage) else type(event))
                    if isinstance(event, Ping):
                        await connection.write(talk.send(Pong(event.payload)))
                    elif isinstance(event, TextMessage):
                        await connection.write(talk.send(CloseConnection(1000)))
    assert seen == [Ping, "GRÜSSE", CloseConnection]


# The blocking client's.


def test_the_blocking_client_has_the_same():
    with Peer(echo(b"hello")) as peer, entreat.Client() as client:
        answer = client.get(peer.url, headers=ASKING)
        assert (answer.status_code, answer.content) == (101, b"")
        with answer.upgrade() as connection:
            assert (connection.protocol, connection.response) == ("echo", answer)
            assert (connection.read(3), connection.read(3)) == (b"hel", b"lo")
            connection.write(bytearray(b"last"))
            connection.write_eof()
            assert list(connection) == [b"last"]
            with pytest.raises(errors.ConnectionBroken, match="write_eof"):
                connection.write(b"more")
            assert client.pool_stats[:2] == (0, 1)
        assert client.pool_stats[:2] == (0, 0) and connection.is_closed
        with pytest.raises(errors.ConnectionBroken, match="closed"):
            connection.read()


def test_the_blocking_client_waits_as_long_as_it_is_told():
    with Peer([RECEIVE, SWITCH, HOLD]) as peer, entreat.Client() as client:
        with client.stream("GET", peer.url, headers=ASKING) as answer, answer.upgrade() as connection:
            connection.set_timeouts(read=0.05)
            with pytest.raises(errors.ReadTimeout):
                connection.read()
            connection.set_timeouts()
            waiting = threading.Thread(target=connection.read, daemon=True)
            waiting.start()
            waiting.join(0.05)
            with pytest.raises(RuntimeError, match="another thread"):
                connection.write(b"more")


def test_the_blocking_client_refuses_what_changes_nothing():
    with Peer(Answers(response("403 Forbidden"))) as peer, entreat.Client() as client:
        with pytest.raises(errors.StatusError, match="403"):
            client.get(peer.url, headers=ASKING).upgrade()
