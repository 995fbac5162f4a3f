"""CacheControl over whatever `requests` means here: what is served from the cache, and what is asked for again.

Its own tests are not in its source distribution. It replaces the `_fp` of urllib3's response by one that copies what is
read into the cache, and patches `_update_chunk_length`: so these bodies are read in every way that there is.
"""

import gzip
import http.server
import pickle
import threading
import time

import pytest
import requests
from cachecontrol import CacheControl, CacheControlAdapter
from cachecontrol.caches.file_cache import FileCache, SeparateBodyFileCache
from cachecontrol.filewrapper import CallbackFileWrapper
from cachecontrol.heuristics import ExpiresAfter, LastModified
from requests.adapters import HTTPAdapter


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        name = self.path.strip("/").split("/")[0].replace("-", "_") or "kept"
        getattr(self, name)()

    do_POST = do_PUT = do_DELETE = do_GET

    def kept(self):
        self.answer(Cache_Control="max-age=3600")

    def forbidden(self):
        self.answer(Cache_Control="no-store")

    def stale(self):
        self.answer(Cache_Control="max-age=0")

    def tagged(self):
        if self.headers.get("If-None-Match") == '"tag"':
            self.answer(b"", 304, X_Checked="yes", ETag='"tag"')
        else:
            self.answer(ETag='"tag"')

    def old(self):
        self.answer(Last_Modified=DATE)

    def varying(self):
        self.answer(self.headers.get("X-Kind", "").encode(), Cache_Control="max-age=3600", Vary="X-Kind")

    def zipped(self):
        self.answer(gzip.compress(BODY, mtime=0), Cache_Control="max-age=3600", Content_Encoding="gzip")

    def moved(self):
        self.answer(b"", 301, Location="/kept")

    def chunks(self):
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(BODY), 1000):
            piece = BODY[at : at + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def to_the_end(self):
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BODY)
        self.close_connection = True

    def answer(self, body=None, status=200, **fields):
        body = BODY if body is None else body
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


BODY = bytes(range(32, 127)) * 50
DATE = "Mon, 05 Jan 2026 10:00:00 GMT"


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.seen = []
        running.url = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def session():
    with CacheControl(requests.Session()) as made:
        yield made


BODIES = ["kept", "chunks", "zipped", "to-the-end"]


@pytest.mark.parametrize("path", BODIES)
def test_what_may_be_kept_is_asked_for_once(server, session, path):
    first, second = (session.get(f"{server.url}/{path}") for _ in range(2))
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.content == second.content == BODY
    assert len(server.seen) == 1


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_what_is_streamed_is_kept(server, session, path, size):
    for _ in range(2):
        response = session.get(f"{server.url}/{path}", stream=True)
        assert b"".join(response.iter_content(size)) == BODY
    assert response.from_cache
    assert len(server.seen) == 1


@pytest.mark.parametrize("path", BODIES)
def test_what_is_read_raw_is_kept(server, session, path):
    for _ in range(2):
        response = session.get(f"{server.url}/{path}", stream=True)
        assert b"".join(response.raw.stream(777, decode_content=True)) == BODY
    assert response.from_cache


def test_lines_are_kept(server, session):
    for _ in range(2):
        lines = list(session.get(f"{server.url}/chunks", stream=True).iter_lines(chunk_size=10))
    assert b"".join(lines) == BODY
    assert len(server.seen) == 1


def test_a_body_that_is_not_read_to_its_end_is_not_kept(server, session):
    with session.get(f"{server.url}/kept", stream=True) as response:
        assert isinstance(response.raw._fp, CallbackFileWrapper)
        next(response.iter_content(10))
    assert not session.get(f"{server.url}/kept").from_cache


@pytest.mark.parametrize("path", ["forbidden", "stale"])
def test_what_may_not_be_kept_is_asked_for_each_time(server, session, path):
    assert [session.get(f"{server.url}/{path}").from_cache for _ in range(2)] == [False, False]
    assert len(server.seen) == 2


def test_what_is_unchanged_comes_from_the_cache(server, session):
    first, second = (session.get(f"{server.url}/tagged") for _ in range(2))
    assert (first.from_cache, second.from_cache) == (False, True)
    assert (second.status_code, second.content, second.headers["X-Checked"]) == (200, BODY, "yes")
    assert server.seen[1][2]["If-None-Match"] == '"tag"'


def test_the_connection_of_an_answer_without_a_body_is_used_again(server, session):
    for _ in range(3):
        session.get(f"{server.url}/tagged")
    (pool,) = session.get_adapter(server.url).poolmanager.pools._container.values()
    assert pool.num_connections == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_makes_it_forget(server, session, method):
    session.get(f"{server.url}/kept")
    assert session.request(method, f"{server.url}/kept").ok
    assert not session.get(f"{server.url}/kept").from_cache


def test_an_answer_that_varies_is_kept_for_its_kind_only(server, session):
    def ask(kind):
        response = session.get(f"{server.url}/varying", headers={"X-Kind": kind})
        return response.text, response.from_cache

    assert [ask("a"), ask("a"), ask("b"), ask("b")] == [("a", False), ("a", True), ("b", False), ("b", True)]


def test_a_permanent_redirect_is_kept(server, session):
    for _ in range(2):
        response = session.get(f"{server.url}/moved")
        assert (response.content, [each.status_code for each in response.history]) == (BODY, [301])
    assert [path for _, path, _ in server.seen] == ["/moved", "/kept"]


def test_a_request_may_refuse_what_is_kept(server, session):
    session.get(f"{server.url}/kept")
    assert not session.get(f"{server.url}/kept", headers={"Cache-Control": "no-cache"}).from_cache


@pytest.mark.parametrize("cache", [FileCache, SeparateBodyFileCache])
@pytest.mark.parametrize("path", BODIES)
def test_files_keep_it_for_the_next_session(server, tmp_path, cache, path):
    for _ in range(2):
        with CacheControl(requests.Session(), cache=cache(tmp_path)) as session:
            response = session.get(f"{server.url}/{path}")
            assert response.content == BODY
    assert response.from_cache


@pytest.mark.parametrize("heuristic", [ExpiresAfter(days=1), LastModified()])
def test_a_heuristic_decides_where_the_server_says_nothing(server, heuristic):
    with requests.Session() as session:
        session.mount("http://", CacheControlAdapter(heuristic=heuristic))
        assert [session.get(f"{server.url}/old").from_cache for _ in range(2)] == [False, True]
    assert len(server.seen) == 1


def test_an_adapter_passes_on_what_it_is_given(server):
    with requests.Session() as session:
        session.mount("http://", CacheControlAdapter(max_retries=2, pool_maxsize=3))
        adapter = session.get_adapter(server.url)
        assert isinstance(adapter, HTTPAdapter) and adapter.max_retries.total == 2
        assert session.get(f"{server.url}/kept").content == BODY


def test_what_comes_from_the_cache_is_a_response_like_any_other(server, session):
    session.get(f"{server.url}/zipped")
    response = session.get(f"{server.url}/zipped")
    assert response.headers["content-encoding"] == "gzip" and response.encoding is None
    assert response.url == f"{server.url}/zipped" and response.request.method == "GET"
    assert response.elapsed.total_seconds() >= 0 and response.ok and response.reason == "OK"
    again = pickle.loads(pickle.dumps(response))
    assert again.content == BODY


def test_hooks_and_authentication_are_applied_to_what_is_kept(server, session):
    seen = []
    for _ in range(2):
        session.get(
            f"{server.url}/kept", auth=("user", "pass"), hooks={"response": lambda each, **_: seen.append(each)}
        )
    assert [each.from_cache for each in seen] == [False, True]
    assert "Authorization" in server.seen[0][2]


def test_threads_share_a_cache(server, session):
    def fetch():
        for _ in range(20):
            contents.append(session.get(f"{server.url}/chunks").content)

    contents = []
    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    for thread in threads:
        thread.join(deadline - time.monotonic())
    assert contents == [BODY] * 160
    assert len(server.seen) <= 16
