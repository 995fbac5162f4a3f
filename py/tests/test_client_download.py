"""Downloads of the modern client: whole or not at all, resumed, checked; and progress both ways."""

import hashlib
import io

import entreat
import pytest
from entreat import errors
from entreat.mock import MockTransport, Reply

BODY = bytes(range(256)) * 1000
ETAG = {"ETag": '"v1"'}


@pytest.fixture
def mock():
    return MockTransport()


@pytest.fixture
def client(mock):
    with entreat.Client("http://a.test", transport=mock) as made:
        yield made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.bin"


def rest(request):
    """What a server that knows ranges answers."""
    begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert request.headers["If-Range"] == ETAG["ETag"]
    span = f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"
    return Reply(206, headers={**ETAG, "Content-Range": span}, content=BODY[begin:])


def half(mock):
    mock.on("GET", "/file").times(1).reply(headers=ETAG, content=BODY[:100000], cut_short=True)


def test_a_file_is_there_as_a_whole(client, origin, path):
    with entreat.Client() as real:
        done = real.download(f"{origin.http}/bytes/100000?seed=1", path)
        assert (done.path, done.length, done.resumed_from) == (path, 100000, 0)
        assert path.read_bytes() == real.get(f"{origin.http}/bytes/100000?seed=1").content
    assert [each.name for each in path.parent.iterdir()] == ["file.bin"]


def test_a_download_goes_on_where_another_one_stopped(client, mock, path):
    half(mock)
    mock.on("GET", "/file").reply_with(rest)
    with pytest.raises(errors.ConnectionClosed, match="run it again"):
        client.download("/file", path)
    assert not path.exists()
    told = []
    done = client.download("/file", str(path), progress=lambda *each: told.append(each))
    assert done.resumed_from == 100000 and path.read_bytes() == BODY
    assert told[0] == (100000, len(BODY)) and told[-1] == (len(BODY), len(BODY))


def test_a_download_begins_anew_where_it_is_told_to(client, mock, path):
    half(mock)
    mock.on("GET", "/file").when(lambda request: "Range" not in request.headers).reply(content=BODY)
    with pytest.raises(errors.ConnectionClosed):
        client.download("/file", path)
    assert client.download("/file", path, resume=False).resumed_from == 0
    assert path.read_bytes() == BODY


def test_the_whole_is_checked(client, mock, path):
    mock.on("GET", "/file").reply(content=BODY)
    digest = hashlib.sha256(BODY).hexdigest()
    for checksum in (digest, f"SHA256:{digest}"):
        assert client.download("/file", path, checksum=checksum).length == len(BODY)
    path.unlink()
    with pytest.raises(errors.DecodingError, match="SHA-256"):
        client.download("/file", path, checksum="0" * 64)
    with pytest.raises(errors.InvalidConfig, match="md5"):
        client.download("/file", path, checksum="md5:0")
    assert list(path.parent.iterdir()) == []


def test_a_status_that_is_none_of_a_download_brings_its_response(client, mock, path):
    mock.on("GET", "/file").reply(404, text="no such file")
    with pytest.raises(errors.StatusError) as caught:
        client.download("/file", path)
    assert (caught.value.response.status_code, caught.value.response.text) == (404, "no such file")
    assert caught.value.request.url == "http://a.test/file" and list(path.parent.iterdir()) == []


def test_options_and_hooks_are_those_of_a_request(mock, path):
    mock.on("GET", "/file").with_header("X-A", "b").with_header("X-Hook", "c").reply("x")
    hooks = {"request": lambda request: request.headers.append("X-Hook", "c")}
    with entreat.Client("http://a.test", transport=mock, hooks=hooks) as client:
        assert client.download("/file", path, headers={"X-A": "b"}, params={"q": 1}).length == 1
    with pytest.raises(errors.ClientClosed):
        client.download("/file", path)


def test_what_a_listener_raises_breaks_off_and_what_has_come_stays(client, mock, path):
    def stop(received, total):
        if received:
            raise KeyError("enough")

    mock.on("GET", "/file").reply(headers=ETAG, content=BODY).reply_with(rest)
    with pytest.raises(KeyError, match="enough"):
        client.download("/file", path, progress=stop)
    assert client.download("/file", path).resumed_from > 0
    assert path.read_bytes() == BODY


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_bar_is_shown_on_a_terminal_alone(client, mock, path, monkeypatch, stream):
    monkeypatch.setattr("sys.stderr", stream)
    mock.on("GET", "/file").reply(content=BODY)
    client.download("/file", path, progress=True)
    shown = stream.getvalue()
    if stream.isatty():
        assert shown.startswith("\rfile.bin  ") and "100% [########################] 256.0 kB" in shown
        assert shown.endswith("\n")
    else:
        assert shown == ""


@pytest.mark.parametrize("body", [{"content": BODY}, {"content": io.BytesIO(BODY)}, {"files": {"a": BODY}}])
def test_an_upload_tells_how_far_it_has_come(client, mock, body):
    told = []
    mock.on("PUT", "/file")
    client.put("/file", **body, upload_progress=lambda *each: told.append(each))
    assert told == sorted(told) and len(told) > 1 and told[-1][0] == told[-1][1] >= len(BODY)
    assert len(mock.requests[0].content) == told[-1][0]


def test_a_body_of_unknown_length_has_no_total(client, mock):
    told = []
    mock.on("PUT", "/file")
    client.put("/file", content=iter([b"a", b"b"]), upload_progress=lambda *each: told.append(each))
    assert told[-1] == (2, None)


def test_what_a_listener_of_an_upload_raises_comes_out(client, mock):
    def stop(sent, total):
        raise KeyError("enough")

    mock.on("PUT", "/file")
    with pytest.raises(KeyError, match="enough"):
        client.put("/file", content=b"abc", upload_progress=stop)
    for name in ("upload_progress", "progress"):
        with pytest.raises(TypeError, match=f"{name} must be callable"):
            client.put("/file", upload_progress=1) if name == "upload_progress" else client.download(
                "/", "/x", progress=1
            )
