"""Programs patched by gevent: their requests take the classic lane, whose sockets are gevent's, and wait side by side.

Each is a process of its own, since `monkey.patch_all()` is for ever.
"""

import time

import pytest
from peers import HOLD, OK, RECEIVE, Answers, Peer
from test_process import finish, start

PATCH = "from gevent import monkey; monkey.patch_all()"
#: What runs before entreat is imported, and after.
WHEN = {
    "before the import": (PATCH, ""),
    "after the import": ("", PATCH),
    "after the first use": (
        "",
        f"requests.get(sys.argv[2]); used = requests.Session(); used.get(sys.argv[2]); {PATCH}",
    ),
}

PROGRAM = """
import gevent, gevent.pool
session = globals().get("used") or requests.Session()
def fetch(number):
    caller = session if number % 2 else requests
    answer = caller.get(f"{sys.argv[1]}/{number}")
    return answer.lane, answer.text
print(sorted(set(gevent.pool.Pool(10).map(fetch, range(10)))))
"""


@pytest.mark.parametrize(("before", "after"), WHEN.values(), ids=WHEN.keys())
def test_requests_wait_side_by_side(before, after):
    with Peer(Answers(*[[1.0, OK]] * 10)) as slow, Peer(Answers()) as quick:
        started = time.monotonic()
        process = start(after + PROGRAM, slow.url, quick.url, first=before)
        assert finish(process, timeout=30) == "[('classic', 'ok')]"
        assert time.monotonic() - started < 8


def test_a_timeout_of_gevents_ends_a_wait():
    program = """
import gevent
try:
    with gevent.Timeout(0.2):
        requests.get(sys.argv[1])
except gevent.Timeout:
    print(requests.get(sys.argv[2]).text)
"""
    with Peer([RECEIVE, HOLD]) as silent, Peer(Answers()) as answering:
        assert finish(start(program, silent.url, answering.url, first=PATCH)) == "ok"
