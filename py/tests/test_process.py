"""What a process does: Ctrl-C, forks, threads, exit. Nothing hangs, nothing is mixed up.

What kills or forks is tried in a process of its own, whose program is written down here as text.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import entreat
import pytest
from peers import HOLD, OK, RECEIVE, Answers, Peer

LANES = ("", "open")


def start(program, *arguments, lane="", first=""):
    """A process that runs a program with entreat as `requests`, and `first` before that is imported; its output is text."""
    environment = {**os.environ, "ENTREAT_LANE": lane, "PYTHONUNBUFFERED": "1"}
    program = f"{first}\nimport entreat as requests, os, sys, time, threading\n{program}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], **pipes)


def finish(process, timeout=10):
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, errors
    return out.strip()


# Ctrl-C.

INTERRUPTED = """
started = None
class Body:
    def __init__(self): self.left = 1 << 30
    def __len__(self): return 1 << 30
    def read(self, size):
        return b"x" * min(size, 1 << 16)
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted")
session = requests.Session()
print(session.get(sys.argv[2]).text)
"""

WAITS = {
    "the head": 'requests.get(sys.argv[1] + "/silent")',
    "the head, with a time-out": 'requests.get(sys.argv[1] + "/silent", timeout=60)',
    "the body": 'requests.get(sys.argv[1] + "/body")',
    "a streamed body": 'list(requests.get(sys.argv[1] + "/body", stream=True).iter_content(10))',
    "an upload": 'requests.post(sys.argv[1] + "/upload", data=b"x" * (64 << 20))',
    "an upload from a file": 'requests.post(sys.argv[1] + "/upload", data=Body())',
    "a connection": "requests.get(sys.argv[3])",
}


def stall(connection):
    """Answers by the path: nothing, or the beginning of a body; of an upload not even the body is read."""
    while b"\r\n" not in connection._buffer:
        connection._more()
    if b"/body" in connection._buffer:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    time.sleep(30)


@pytest.fixture(scope="module")
def full():
    """A URL at which connecting takes for ever: its listener accepts nobody, and its queue is full."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for client in waiting:
            client.close()


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("call", WAITS.values(), ids=WAITS.keys())
def test_ctrl_c_ends_a_wait_at_once(lane, call, full):
    with Peer(stall) as stalling, Peer(Answers()) as answering:
        process = start(INTERRUPTED.format(call=call), stalling.url, answering.url, full, lane=lane)
        assert process.stdout.readline() == "ready\n"
        deadline = time.monotonic() + (5 if "argv[1]" in call else 0)
        while not stalling.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - started < 0.3
        assert finish(process) == "ok"


def test_ctrl_c_while_something_is_imported_leaves_a_package_that_works():
    program = """
class Interrupt:
    def __init__(self, when): self.left = when
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("urllib3", "http.", "entreat")):
            self.left -= 1
            if self.left == 0: raise KeyboardInterrupt
hook = {"response": lambda response, **_: None}
interrupted = 0
for when in range(1, 60, 3):
    child = os.fork()
    if child == 0:
        sys.meta_path.insert(0, Interrupt(when))
        try:
            requests.get(sys.argv[1], hooks=hook)
        except KeyboardInterrupt:
            ok = requests.get(sys.argv[1], hooks=hook).text == "ok"
            import urllib3
            os._exit(7 if ok and urllib3.util.retry.Retry is requests.adapters.Retry else 1)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, 7), ended
    interrupted += ended == 7
print(interrupted > 5)
"""
    with Peer(Answers()) as peer:
        assert finish(start(program, peer.url), timeout=60) == "True"


def test_a_signal_whose_handler_returns_does_not_end_a_wait():
    program = """
import signal
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
answer = requests.get(sys.argv[1]).text
# No signal may come while the interpreter ends: the handler is gone by then.
signal.setitimer(signal.ITIMER_REAL, 0)
print(answer, len(seen) > 3)
"""
    with Peer([RECEIVE, 0.5, OK, HOLD]) as peer:
        assert finish(start(program, peer.url)) == "ok True"


def test_another_threads_request_survives_ctrl_c():
    program = """
def fetch(): answers.append(requests.get(sys.argv[1]).text)
answers = []
thread = threading.Thread(target=fetch)
thread.start()
print("ready", flush=True)
try:
    time.sleep(30)
except KeyboardInterrupt:
    thread.join()
    print(answers)
"""
    with Peer([RECEIVE, 0.6, OK, HOLD]) as peer:
        process = start(program, peer.url)
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert finish(process) == "['ok']"


# Forks.


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("used", [False, True], ids=["before the first use", "after it"])
def test_parent_and_child_of_a_fork_use_connections_of_their_own(lane, used):
    program = """
session = requests.Session()
if sys.argv[2]:
    session.get(sys.argv[1])
child = os.fork()
for number in range(20):
    assert session.get(f"{sys.argv[1]}/{'child' if child == 0 else 'parent'}").text == "ok"
    assert requests.get(sys.argv[1]).text == "ok"
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    with Peer(Answers()) as peer:
        assert finish(start(program, peer.url, "used" if used else "", lane=lane)) == "done"
        for connection in peer.connections:
            paths = {name for name in (b"/child", b"/parent") for each in connection.requests if name in each}
            assert len(paths) <= 1


def test_a_fork_while_other_threads_send_leaves_a_child_that_works():
    program = """
session = requests.Session()
stop = False
def busy():
    while not stop:
        session.get(sys.argv[1]); requests.get(sys.argv[1])
threads = [threading.Thread(target=busy) for _ in range(4)]
for thread in threads: thread.start()
for number in range(20):
    child = os.fork()
    if child == 0:
        ok = session.get(sys.argv[1]).text == requests.get(sys.argv[1]).text == "ok"
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
stop = True
for thread in threads: thread.join()
print("done")
"""
    with Peer(Answers()) as peer:
        assert finish(start(program, peer.url), timeout=30) == "done"


def test_workers_that_are_forked_beforehand_share_nothing_but_the_socket_they_listen_on(origin):
    program = """
import http.server, signal
session = requests.Session()
session.headers["X-From"] = "the parent"
assert session.get(sys.argv[1] + "/get").ok
class Gateway(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = [each.get(sys.argv[1] + "/anything" + self.path).json()["url"] for each in (session, requests)]
        body = f"{os.getpid()} {answers[0] == answers[1] and answers[0].rpartition('/')[2]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Gateway)
workers = []
for _ in range(4):
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        server.serve_forever()
    workers.append(worker)
url = f"http://127.0.0.1:{server.server_port}"
def ask(number):
    process, answer = session.get(f"{url}/{number}", timeout=20).text.split()
    assert answer == str(number), answer
    return int(process)
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as threads:
    assert set(threads.map(ask, range(80))) <= set(workers)
for worker in workers:
    os.kill(worker, signal.SIGTERM)
    assert os.waitpid(worker, 0)[1] == 0
print("done")
"""
    assert finish(start(program, origin.http), timeout=60) == "done"


def _text_of(url):
    return entreat.get(url).text


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_fetches(method):
    with Peer(Answers()) as peer:
        entreat.get(peer.url)
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(_text_of, [peer.url] * 20) == ["ok"] * 20


def test_a_session_goes_to_a_process_as_a_pickle():
    with Peer(Answers()) as peer, entreat.Session() as session:
        session.headers["X-Kept"] = "1"
        session.get(peer.url)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply(session.get, [peer.url]).text == "ok"
        assert b"X-Kept: 1" in peer.requests[-1]


# Threads.


@pytest.mark.parametrize("hooks", [None, {"response": [lambda answer, **_: None]}], ids=["express", "open"])
def test_threads_that_share_a_session_get_their_own_answers(origin, hooks):
    def fetch(number):
        for turn in range(50):
            mine = f"{number}-{turn}"
            answer = session.get(f"{origin.http}/anything/{mine}", headers={"X-Mine": mine}, hooks=hooks)
            seen = answer.json()
            assert seen["url"].endswith(f"/anything/{mine}") and seen["headers"]["X-Mine"] == mine
            assert seen["headers"]["Cookie"] == "kept=yes"
        return True

    with entreat.Session() as session, ThreadPoolExecutor(32) as threads:
        session.cookies.set("kept", "yes")
        assert all(threads.map(fetch, range(32)))


def test_threads_that_share_a_session_lose_no_cookie_and_open_no_more_connections_than_there_are_threads(origin):
    def fetch(number):
        for turn in range(10):
            session.get(f"{origin.http}/cookies/set/name{number}-{turn}/{turn}")
            seen.add(session.get(f"{origin.http}/testkit/connections").json()["connection"])
            session.headers[f"X-{number}"] = str(turn)
            sent = session.get(f"{origin.http}/headers").json()["headers"]
            assert sent[f"X-{number}"] == str(turn)
            assert all(f"name{number}-{before}={before}" in sent["Cookie"] for before in range(turn + 1))

    seen = set()
    with entreat.Session() as session, ThreadPoolExecutor(32) as threads:
        list(threads.map(fetch, range(32)))
        assert len(session.cookies) == 320
        assert len(seen) <= 32


def test_threads_may_set_cookies_at_once(origin):
    with entreat.Session() as session, ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda number: session.get(f"{origin.http}/cookies/set/name{number}/{number}"), range(64)))
        assert {cookie.name: cookie.value for cookie in session.cookies} == {f"name{n}": str(n) for n in range(64)}
        assert len(session.get(f"{origin.http}/cookies").json()["cookies"]) == 64


def test_connections_are_kept_and_shared(origin):
    with entreat.Session() as session:
        seen = [session.get(f"{origin.http}/testkit/connections").json() for _ in range(10)]
    assert len({each["connection"] for each in seen}) == 1
    assert [each["request_on_connection"] for each in seen] == list(range(1, 11))


def test_as_many_connections_as_threads_and_no_more(origin):
    def fetch(_):
        return session.get(f"{origin.http}/testkit/connections").json()["connection"]

    with entreat.Session() as session, ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(fetch, range(400)))) <= 8


def test_two_threads_may_close_a_session_and_a_response(origin):
    for _ in range(50):
        session = entreat.Session()
        answer = session.get(f"{origin.http}/testkit/large/100000", stream=True)
        barrier = threading.Barrier(4)

        def close(thing, barrier=barrier):
            barrier.wait()
            thing.close()

        threads = [threading.Thread(target=close, args=[each]) for each in (session, session, answer, answer)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=5)
            assert not thread.is_alive()
        assert session.get(f"{origin.http}/get").ok


def test_what_is_in_use_when_a_session_is_closed_is_not_kept():
    with Peer(Answers()) as peer, entreat.Session() as session:
        answer = session.get(peer.url, stream=True)
        session.close()
        assert answer.text == "ok"
        assert session.get(peer.url).text == "ok"
    assert len(peer.connections) == 2


def test_a_session_may_be_closed_while_another_thread_waits():
    with Peer([RECEIVE, 0.5, OK, HOLD]) as peer, entreat.Session() as session, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(session.get, peer.url)
        time.sleep(0.1)
        session.close()
        assert waiting.result(timeout=5).text == "ok"


def test_a_response_may_be_looked_at_by_many_threads(origin):
    def look(answer):
        barrier.wait()
        return answer.headers, answer.request, answer.raw, answer.cookies, answer.elapsed, answer.history

    with ThreadPoolExecutor(8) as threads, entreat.Session() as session:
        for _ in range(20):
            barrier = threading.Barrier(8)
            answer = session.get(f"{origin.http}/get")
            seen = list(threads.map(look, [answer] * 8))
            for each in zip(*seen):
                assert len(set(map(id, each))) == 1


# The end.

ENDINGS = {
    "a stream that is open": "answer = requests.get(sys.argv[1], stream=True); print(next(answer.iter_content(1)))",
    "a session that is open": "session = requests.Session(); session.get(sys.argv[1]); print(b'h')",
    "a daemon thread that waits": (
        "threading.Thread(target=requests.get, args=[sys.argv[2]], daemon=True).start(); time.sleep(0.2); print(b'h')"
    ),
    "a cycle with a stream": (
        "answer = requests.get(sys.argv[1], stream=True); answer.itself = answer; del answer; print(b'h')"
    ),
    "a request at exit": "import atexit; atexit.register(lambda: print(requests.get(sys.argv[1]).content[:1]))",
}


@pytest.mark.parametrize("program", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_interpreter_ends_in_spite_of(program):
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nh" + b"x" * 99999
    with Peer(Answers(body)) as peer, Peer([RECEIVE, HOLD]) as silent:
        started = time.monotonic()
        process = start(program, peer.url, silent.url)
        out, errors = process.communicate(timeout=10)
        assert (out.strip(), errors, process.returncode) == ("b'h'", "", 0)
        assert time.monotonic() - started < 5
