"""What programs written for `requests` do in several steps: functions of the package, a recording peer's URL, the origin.

What a program returns, or raises, is observed; so is every byte that its requests were on the wire. `calls` has those of
a single call, told by its arguments alone; `as_program` makes them run.
"""

import io
import json
import logging
import pickle
from dataclasses import dataclass

from peers import CLOSE, Answers, Peer, response

PROGRAMS = {}
OK = response("200 OK", b"hello", Content_Type="text/plain")


@dataclass
class Program:
    function: object
    answers: tuple


def program(*answers):
    """Register a function; the peer gives these answers, and after them "ok"."""

    def register(function):
        assert function.__name__ not in PROGRAMS, function.__name__
        PROGRAMS[function.__name__] = Program(function, answers)
        return function

    return register


def as_program(task):
    """A call told by a dictionary: method, path or url, arguments, and the settings of its session, if it has one."""

    def call(requests, url, origin):
        target = task["url"] if "url" in task else url + task["path"]
        with requests.Session() as session:
            for name, value in task.get("session", {}).items():
                if name == "cookies":
                    for key, each in value.items():
                        session.cookies.set(key, each)
                elif name in ("headers", "params", "proxies"):
                    getattr(session, name).update(value)
                else:
                    setattr(session, name, value)
            caller = session if "session" in task else requests
            answers = [
                attempt(lambda: caller.request(task["method"], target, **task["arguments"]))
                for _ in range(task.get("times", 1))
            ]
            if len(answers) > 1:
                return [*answers, session.cookies]
            if isinstance(answers[0], Exception):
                raise answers[0]
            return answers[0]

    return call


# Bodies that are read while they are sent.


@program()
def a_generator_is_sent_in_chunks(requests, url, origin):
    return requests.post(url, data=(piece for piece in (b"one", b"", b"two")))


@program()
def a_generator_of_text(requests, url, origin):
    return requests.post(url, data=(piece for piece in ("one", "zwei ü")))


@program()
def an_empty_generator(requests, url, origin):
    return requests.post(url, data=iter(()))


@program()
def a_generator_with_a_content_length(requests, url, origin):
    return requests.post(url, data=iter([b"abc"]), headers={"Content-Length": "3"})


@program()
def a_generator_that_raises(requests, url, origin):
    def pieces():
        yield b"one"
        raise KeyError("two")

    return requests.post(url, data=pieces())


@program()
def a_file_is_sent_with_its_length(requests, url, origin):
    return requests.post(url, data=io.BytesIO(b"content of a file"))


@program()
def a_file_is_sent_from_where_it_is(requests, url, origin):
    file = io.BytesIO(b"content of a file")
    file.seek(8)
    return requests.put(url, data=file)


@program()
def a_file_of_text(requests, url, origin):
    return requests.post(url, data=io.StringIO("text ü"))


@program()
def an_empty_file(requests, url, origin):
    return requests.post(url, data=io.BytesIO(b""))


@program()
def a_file_at_its_end(requests, url, origin):
    file = io.BytesIO(b"abc")
    file.read()
    return requests.post(url, data=file)


@program()
def a_file_without_a_length(requests, url, origin):
    class Pipe:
        def __init__(self):
            self.left = [b"one", b"two"]

        def read(self, size=-1):
            return self.left.pop(0) if self.left else b""

        def __iter__(self):
            return iter(self.left)

    return requests.post(url, data=Pipe())


@program(response("307 Temporary", Location="/two"))
def a_file_is_rewound_for_a_redirect(requests, url, origin):
    return requests.post(url, data=io.BytesIO(b"content"))


@program(response("307 Temporary", Location="/two"))
def a_generator_cannot_be_rewound(requests, url, origin):
    return requests.post(url, data=iter([b"a"]))


@program(response("303 See Other", Location="/two"))
def a_file_is_dropped_by_a_redirect(requests, url, origin):
    return requests.post(url, data=io.BytesIO(b"content"))


@program()
def files_from_disk_and_from_memory(requests, url, origin):
    with open(__file__, "rb") as file:
        file.seek(0, io.SEEK_END)
        return requests.post(url, files={"a": file, "b": io.BytesIO(b"1"), "c": io.StringIO("2")})


# Prepared requests, hooks, authentication.


@program()
def a_prepared_request_is_sent_as_it_is(requests, url, origin):
    session = requests.Session()
    prepared = session.prepare_request(requests.Request("POST", url + "/a", data={"a": "b"}, cookies={"c": "d"}))
    prepared.headers["X-Late"] = "1"
    prepared.body = b"other"
    prepared.headers["Content-Length"] = "5"
    return session.send(prepared)


@program()
def a_request_prepared_without_a_session(requests, url, origin):
    prepared = requests.Request("GET", url + "/a", params={"b": "c"}, auth=("u", "p")).prepare()
    return [prepared, requests.Session().send(prepared), prepared.copy()]


@program()
def an_unprepared_request_is_refused(requests, url, origin):
    return requests.Session().send(requests.Request("GET", url))


@program()
def an_empty_prepared_request(requests, url, origin):
    prepared = requests.PreparedRequest()
    return [attempt(lambda: prepared.prepare()), attempt(lambda: requests.Request("GET").prepare())]


@program()
def a_prepared_url_that_was_changed_goes_out_as_it_is(requests, url, origin):
    session = requests.Session()
    prepared = session.prepare_request(requests.Request("GET", url))
    prepared.url = url + "/a/../b%zz?c=d|e"
    return session.send(prepared)


@program()
def hooks_see_the_response_and_may_replace_it(requests, url, origin):
    seen = []

    def note(answer, **settings):
        seen.append([answer.status_code, sorted(settings)])

    def replace(answer, **settings):
        made = requests.Response()
        made.status_code, made._content, made.raw, made.request = 201, b"made", answer.raw, answer.request
        made.url = answer.url
        return made

    answer = requests.get(url, hooks={"response": [note, replace]})
    return [answer.status_code, answer.content, seen]


@program()
def a_callable_signs_the_request(requests, url, origin):
    def sign(request):
        request.headers["X-Signed"] = f"{request.method} {request.path_url} {len(request.body or b'')}"
        return request

    return requests.post(url + "/a", data={"b": "c"}, auth=sign)


@program()
def basic_and_proxy_authentication(requests, url, origin):
    first = requests.get(url, auth=requests.auth.HTTPBasicAuth("user", "pass"))
    return [first, requests.get(url, auth=requests.auth.HTTPProxyAuth("user", "pass"))]


@program()
def credentials_in_the_url(requests, url, origin):
    return requests.get(url.replace("://", "://us%65r:p%40ss@") + "/a")


@program()
def credentials_in_the_url_and_auth(requests, url, origin):
    return requests.get(url.replace("://", "://user:pass@"), auth=("other", "pass"))


CHALLENGE = response(
    "401 Unauthorized", b"no", WWW_Authenticate='Digest realm="r", nonce="abc", qop="auth", algorithm=MD5, opaque="o"'
)


@program(CHALLENGE, OK, OK)
def digest_authentication(requests, url, origin):
    with requests.Session() as session:
        session.auth = requests.auth.HTTPDigestAuth("user", "pass")
        return [session.get(url + "/a?b=c"), session.get(url + "/d")]


@program(CHALLENGE, CHALLENGE)
def digest_authentication_that_fails(requests, url, origin):
    return requests.post(url + "/a", data=io.BytesIO(b"body"), auth=requests.auth.HTTPDigestAuth("user", "pass"))


# Sessions.


@program()
def a_session_keeps_its_connection(requests, url, origin):
    with requests.Session() as session:
        return [session.get(url + f"/{number}") for number in range(3)] + [session.post(url, json=[1])]


@program(response("200 OK", b"a", Connection="close"), OK)
def a_session_notices_that_its_connection_was_closed(requests, url, origin):
    with requests.Session() as session:
        return [session.get(url), session.get(url)]


@program([OK, CLOSE], OK)
def a_session_notices_that_its_connection_died(requests, url, origin):
    import time

    with requests.Session() as session:
        first = session.get(url)
        time.sleep(0.05)
        return [first, session.get(url)]


@program(response("200 OK", b"x" * 100), OK)
def a_streamed_body_holds_its_connection(requests, url, origin):
    with requests.Session() as session:
        first = session.get(url, stream=True)
        second = session.get(url)
        return [first, second]


@program(response("200 OK", b"x" * 100), OK)
def a_streamed_body_that_is_closed_early(requests, url, origin):
    with requests.Session() as session:
        with session.get(url, stream=True) as first:
            part = next(first.iter_content(10))
        return [part, session.get(url)]


@program(*(response("200 OK", b"", Set_Cookie=f"c{number}=v; Path=/{'a' * (number % 2)}") for number in range(3)))
def cookies_are_kept_and_sent_by_path(requests, url, origin):
    with requests.Session() as session:
        answers = [session.get(url + path) for path in ("/a", "/a/b", "/b", "/a")]
        return [*answers, session.cookies]


@program([response("200 OK", b"", Set_Cookie="a=b").replace(b"Length: 0", b"Length: 9"), CLOSE])
def a_cookie_is_kept_though_the_body_breaks_off(requests, url, origin):
    with requests.Session() as session:
        return [attempt(lambda: session.get(url)), session.cookies]


@program(response(Set_Cookie="gone=; Max-Age=0"), response(Set_Cookie="a=2"))
def cookies_are_replaced_and_taken_away(requests, url, origin):
    with requests.Session() as session:
        session.cookies.set("gone", "x", domain="127.0.0.1", path="/")
        session.cookies.set("a", "1")
        answers = [session.get(url), session.get(url), session.get(url)]
        return [*answers, session.cookies]


@program()
def cookies_of_a_call_are_not_kept(requests, url, origin):
    with requests.Session() as session:
        return [session.get(url, cookies={"a": "b"}), session.get(url), session.cookies]


@program()
def a_cookie_jar_of_the_standard_library(requests, url, origin):
    from http.cookiejar import CookieJar

    jar = CookieJar()
    jar.set_cookie(requests.cookies.create_cookie("a", "b"))
    with requests.Session() as session:
        session.cookies = jar
        return [session.get(url), session.get(url, cookies=jar)]


@program()
def a_session_as_a_pickle(requests, url, origin):
    session = requests.Session()
    session.headers["X-Kept"] = "1"
    session.cookies.set("a", "b")
    session.params = {"p": "q"}
    session.auth = ("u", "p")
    again = pickle.loads(pickle.dumps(session))
    return [again.get(url), sorted(vars(again))]


@program(response("302 Found", b"moved", Location="/two", Set_Cookie="a=b"))
def a_response_as_a_pickle(requests, url, origin):
    answer = requests.get(url + "/one", stream=True)
    again = pickle.loads(pickle.dumps(answer))
    return [
        again.content,
        again.url,
        again.headers,
        again.history[0].status_code,
        again.cookies,
        again.raw,
        again.request,
    ]


@program(response("302 Found", Location="/two"), response("302 Found", Location="/three"))
def redirects_one_at_a_time(requests, url, origin):
    with requests.Session() as session:
        answer = session.get(url + "/one", allow_redirects=False)
        following = session.send(answer.next, allow_redirects=False)
        rest = list(session.resolve_redirects(following, following.request))
        return [answer, following, rest]


@program(response("302 Found", Location="/two"))
def a_session_that_overrides_what_redirects_do(requests, url, origin):
    class Mine(requests.Session):
        def rebuild_method(self, prepared, answer):
            prepared.headers["X-Rebuilt"] = prepared.method

        def should_strip_auth(self, old, new):
            return True

        def get_redirect_target(self, answer):
            target = super().get_redirect_target(answer)
            return target and target + "?mine"

    return Mine().post(url + "/one", data="body", auth=("u", "p"))


@program(response("302 Found", Location="/two"))
def a_redirect_to_another_name_loses_authorization(requests, url, origin):
    port = url.rpartition(":")[2]
    answers = [response("302 Found", Location=f"http://localhost:{port}/two")]
    with Peer(Answers(*answers)) as other:
        target = f"http://localhost:{port}/two"
        other._scripts = (Answers(response("302 Found", Location=target)),)
        answer = requests.get(other.url, auth=("u", "p"), cookies={"a": "b"})
        return [answer.url.rpartition(":")[0], [*answer.request.headers], answer.request.headers.get("Cookie")]


@program(*[response("503 Busy", b"busy")] * 2)
def an_adapter_that_tries_again_by_status(requests, url, origin):
    from urllib3.util.retry import Retry

    with requests.Session() as session:
        retries = Retry(total=3, status_forcelist=[503], backoff_factor=0)
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        return session.get(url)


@program(*[response("503 Busy", b"busy")] * 5)
def an_adapter_that_gives_up(requests, url, origin):
    from urllib3.util.retry import Retry

    with requests.Session() as session:
        retries = Retry(total=2, status_forcelist=[503], backoff_factor=0)
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        return session.get(url)


@program([CLOSE], [CLOSE])
def an_adapter_that_tries_again_by_number(requests, url, origin):
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
        return session.get(url)


@program(response("503 Busy", b"busy", Retry_After="0"), response("302 Found", Location="/two"))
def an_adapter_that_heeds_retry_after(requests, url, origin):
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=1))
        return session.get(url)


@program([CLOSE])
def an_adapter_that_does_not_post_again(requests, url, origin):
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
        return session.post(url, data="body")


@program()
def an_adapter_that_cannot_connect(requests, url, origin):
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
        return session.get("http://127.0.0.1:1/")


@program()
def an_adapter_of_ones_own(requests, url, origin):
    class Mine(requests.adapters.HTTPAdapter):
        def add_headers(self, request, **settings):
            request.headers["X-Adapter"] = ",".join(sorted(settings))

        def request_url(self, request, proxies):
            return super().request_url(request, proxies) + "?adapter"

    with requests.Session() as session:
        session.mount(url, Mine())
        return session.get(url + "/a")


@program()
def an_adapter_that_sends_nothing(requests, url, origin):
    class Mine(requests.adapters.BaseAdapter):
        def send(self, request, **settings):
            made = requests.Response()
            made.status_code, made.url, made.request, made.raw = 200, request.url, request, io.BytesIO(b"made")
            return made

        def close(self):
            pass

    with requests.Session() as session:
        session.mount("mine://", Mine())
        answer = session.get("mine://anything/at all")
        return [answer.status_code, answer.content, answer.url, list(session.adapters)]


# Reading.


@program(response("200 OK", bytes(range(256)) * 40))
def a_body_in_pieces(requests, url, origin):
    return [len(piece) for piece in requests.get(url, stream=True).iter_content(1000)]


@program(response("200 OK", "ä€𐍈".encode() * 100, Content_Type="text/plain; charset=utf-8"))
def a_body_in_pieces_of_text(requests, url, origin):
    return list(requests.get(url, stream=True).iter_content(7, decode_unicode=True))


@program(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
def a_body_in_chunks_as_they_came(requests, url, origin):
    return list(requests.get(url, stream=True).iter_content(None))


@program(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
def a_body_in_chunks_cut_to_size(requests, url, origin):
    return list(requests.get(url, stream=True).iter_content(2))


@program(response("200 OK", b"a\nb\r\nc\n\nd", Content_Type="text/plain; charset=utf-8"))
def a_body_in_lines(requests, url, origin):
    return list(requests.get(url, stream=True).iter_lines(chunk_size=2, decode_unicode=True))


@program(response("200 OK", b"a|b||c|"))
def a_body_by_a_delimiter(requests, url, origin):
    return list(requests.get(url, stream=True).iter_lines(chunk_size=2, delimiter=b"|"))


@program(response("200 OK", b"raw bytes of a body"))
def a_body_by_its_raw_response(requests, url, origin):
    raw = requests.get(url, stream=True).raw
    return [raw.read(3), raw.tell(), raw.closed, raw.read(4, decode_content=True), raw.read(), raw.read(1), raw.closed]


@program(response("200 OK", b"line one\nline two\n"))
def a_body_as_a_file_of_lines(requests, url, origin):
    return list(io.TextIOWrapper(requests.get(url, stream=True).raw))


@program(response("200 OK", b"0123456789"))
def a_body_that_was_begun_cannot_be_had_whole(requests, url, origin):
    answer = requests.get(url, stream=True)
    first = next(answer.iter_content(3))
    return [first, answer.content]


@program(response("200 OK", b"0123456789"))
def a_body_that_was_consumed(requests, url, origin):
    answer = requests.get(url, stream=True)
    pieces = list(answer.iter_content(4))
    return [pieces, attempt(lambda: answer.content), attempt(lambda: list(answer.iter_content(4)))]


@program(response("200 OK", b"0123456789"))
def a_body_after_closing(requests, url, origin):
    answer = requests.get(url, stream=True)
    answer.close()
    return [attempt(lambda: answer.content), answer.raw.closed]


@program(response("200 OK", b"0123456789"))
def a_size_that_is_none(requests, url, origin):
    answer = requests.get(url, stream=True)
    return [attempt(lambda: list(answer.iter_content("3"))), attempt(lambda: list(answer.iter_content(0)))]


@program(response("200 OK", b"\xe4\xf6", Content_Type="text/plain"))
def an_encoding_that_is_set(requests, url, origin):
    answer = requests.get(url)
    before = answer.text
    answer.encoding = "koi8-r"
    return [before, answer.text, answer.encoding]


@program(response("404 Not Found", b"missing"))
def an_error_that_is_raised(requests, url, origin):
    answer = requests.get(url)
    return [bool(answer), answer.ok, attempt(answer.raise_for_status)]


@program([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123", CLOSE])
def a_body_that_breaks_off_after_some_pieces(requests, url, origin):
    pieces = requests.get(url, stream=True).iter_content(2)
    return [next(pieces), next(pieces), attempt(lambda: next(pieces)), attempt(lambda: next(pieces))]


@program([OK[:-2], 2, OK[-2:]])
def a_body_that_stalls(requests, url, origin):
    return requests.get(url, timeout=(5, 0.1))


@program([OK[:-2], 2, OK[-2:]])
def a_streamed_body_that_stalls(requests, url, origin):
    return requests.get(url, timeout=0.1, stream=True).content


@program([2, OK])
def an_answer_that_stalls(requests, url, origin):
    return requests.get(url, timeout=0.1)


@program([OK[:12], 2, OK[12:]])
def a_head_that_stalls(requests, url, origin):
    return requests.post(url, data={"a": "b"}, timeout=(None, 0.1))


@program(OK)
def a_time_out_of_urllib3s(requests, url, origin):
    from urllib3.util import Timeout

    return requests.get(url, timeout=Timeout(connect=1, read=2))


# What goes on beside.


@program()
def debugging_is_logged(requests, url, origin):
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append([record.name, record.levelname, record.getMessage()])
    logger = logging.getLogger("urllib3")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with requests.Session() as session:
            session.get(url + "/a?b")
            session.get(url + "/c")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    return records


@program()
def a_netrc_is_read(requests, url, origin):
    import os
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix="netrc") as netrc:
        netrc.write("machine 127.0.0.1 login who password what\n")
        netrc.flush()
        os.environ["NETRC"] = netrc.name
        try:
            with requests.Session() as session:
                answers = [session.get(url), session.get(url, auth=("a", "b"))]
                session.trust_env = False
                return [*answers, session.get(url)]
        finally:
            del os.environ["NETRC"]


@program()
def a_proxy_of_the_environment(requests, url, origin):
    import os

    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = url
    try:
        answer = requests.get("http://nowhere.invalid/a?b#c", auth=("u", "p"))
        os.environ["no_proxy"] = "127.0.0.1"
        return [answer, requests.get(url + "/direct")]
    finally:
        for name in ("HTTP_PROXY", "http_proxy", "no_proxy"):
            os.environ.pop(name, None)


@program()
def a_proxy_with_credentials(requests, url, origin):
    return requests.get("http://nowhere.invalid/", proxies={"http": url.replace("://", "://us%3Aer:pass@")})


@program(response("407 Proxy Authentication Required", b"no"))
def a_proxy_that_refuses_a_tunnel(requests, url, origin):
    return requests.get("https://nowhere.invalid/", proxies={"https": url})


@program()
def structures_and_codes(requests, url, origin):
    headers = requests.structures.CaseInsensitiveDict({"A": 1})
    headers["a"] = 2
    return [headers, requests.codes.ok, requests.codes["not_found"], repr(headers), headers == {"A": 2}]


# Against the origin: the answers of a real server.


def _against_origin(path, **arguments):
    def run(requests, url, origin):
        return requests.get(origin.http + path, **arguments)

    return run


for _path in (
    "/get?a=b", "/headers", "/gzip", "/deflate", "/brotli", "/encoding/utf8", "/html", "/json", "/xml", "/image/png",
    "/status/418", "/redirect/3", "/relative-redirect/2", "/absolute-redirect/2", "/cookies/set/a/b", "/stream/3",
    "/bytes/100?seed=1", "/stream-bytes/100?seed=1", "/links/2", "/base64/aGVsbG8=", "/etag/x", "/cache/60",
    "/response-headers?X-A=1&X-A=2", "/range/100", "/robots.txt", "/deny", "/testkit/early-hints", "/testkit/trailers",
    "/testkit/no-length", "/testkit/chunked/3000", "/testkit/echo-raw", "/testkit/close",
):  # fmt: skip
    PROGRAMS[f"origin: {_path}"] = Program(_against_origin(_path), ())


@program()
def https_of_the_origin(requests, url, origin):
    with requests.Session() as session:
        session.verify = origin.ca_file
        return [session.get(origin.https + "/get"), session.post(origin.https + "/post", json={"a": 1})]


@program()
def https_that_is_not_verified(requests, url, origin):
    return requests.get(origin.https + "/get", verify=False)


@program()
def https_of_an_unknown_authority(requests, url, origin):
    try:
        requests.get(origin.https + "/get")
    except requests.exceptions.SSLError as error:
        return [type(error.args[0]).__name__, type(error.args[0].reason).__name__, error.request.url]


@program()
def https_with_a_bundle_that_is_missing(requests, url, origin):
    return requests.get(origin.https + "/get", verify="/missing.pem")


@program()
def https_to_a_peer_that_speaks_http(requests, url, origin):
    with Peer([b"HTTP/1.1 400 Bad Request\r\n\r\n", CLOSE]) as plain:
        try:
            requests.get(plain.url.replace("http:", "https:"), timeout=5)
        except requests.exceptions.SSLError as error:
            return [type(error.args[0]).__name__, type(error.args[0].reason).__name__]


@program()
def digest_authentication_at_the_origin(requests, url, origin):
    auth = requests.auth.HTTPDigestAuth("user", "pass")
    answer = requests.get(origin.http + "/digest-auth/auth/user/pass", auth=auth)
    return [answer.status_code, [each.status_code for each in answer.history], json.loads(answer.text)]


def attempt(function):
    """What a function returns, or what it raises."""
    try:
        return function()
    except Exception as error:
        return error
