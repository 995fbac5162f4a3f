"""Programs written for `requests`, run with the real one and with each lane of ours: nothing that can be seen differs.

Each program runs in four processes, one for the real `requests` and one for each lane, over recording peers and the
testkit's origin. Compared are the bytes on the wire, header order and case included, and everything observable on
responses, requests and exceptions (`differential/observe.py`). What differs on purpose stands in `INTENDED`.
"""

import os
import pathlib
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
from differential import calls, generated, observe, programs

LANES = {"express": None, "open": "open", "classic": "classic"}
CALLS = dict(calls.calls())

GENERATED = (
    r"^\{.*'method'",
    "connections",
    "generated: an empty body frees its connection at once; a 204 with a length ends it",
)

#: Differences that are intended: which programs, where in what is observed, and why. The classic lane has none.
INTENDED = [
    ("a header name with a space", "", "RFC 9110, 5.1: a field's name is a token. Refused before anything is sent"),
    ("headers with a control character", "", "RFC 9110, 5.5: a value with NUL is invalid and dangerous"),
    ("answer: a length of letters", "", "RFC 9112, 6.3: a body whose length is not known to be right is refused"),
    ("answer: a negative length", "", "the same"),
    ("answer: a header without a colon", "", "RFC 9112, 5: not a field. http.client drops it and all behind it"),
    ("answer: a header with a space before the colon", "", "RFC 9112, 5.1: refused. http.client drops all behind it"),
    ("answer: half a head", "", "RFC 9112, 8: a head that is cut short is no answer; http.client takes it for one"),
    ("answer: headers with spaces", "headers|original", "RFC 9110, 5.5: white space behind a value is not part of it"),
    ("early.hints", "", "RFC 9110, 15.2: interim responses come before the final one; http.client takes 103 for it"),
    (
        "a_proxy_that_refuses_a_tunnel",
        "wire",
        "CONNECT is HTTP/1.1 with a Host, RFC 9112, 3.2; before Python 3.12, 1.0",
    ),
    ("a_file_of_text", "", "more bytes than Content-Length announced are not sent; requests counts characters"),
    ("a_streamed_body_that_is_closed_early", "connections", "a connection whose body has all arrived is used again"),
    (
        "an_adapter_that_heeds_retry_after",
        "connections",
        "urllib3's Retry is asked in the open lane, over a pool of its own",
    ),
    GENERATED,
]


class Worker:
    """A process that runs programs over one package."""

    def __init__(self, package, lane, origin):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ENTREAT_LANE")}
        if lane is not None:
            environment["ENTREAT_LANE"] = lane
        tests = pathlib.Path(__file__).parent
        environment["PYTHONPATH"] = os.pathsep.join([str(tests), *filter(None, [environment.get("PYTHONPATH")])])
        command = [sys.executable, tests / "differential" / "worker.py", package]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._send(origin)

    def _send(self, value):
        pickle.dump(value, self.process.stdin)
        self.process.stdin.flush()

    def run(self, task):
        self._send(task)
        return pickle.load(self.process.stdout)

    def stop(self):
        self.process.communicate(timeout=10)


@pytest.fixture(scope="module")
def workers(origin):
    running = {"requests": Worker("requests", None, origin)}
    running |= {lane: Worker("entreat", forced, origin) for lane, forced in LANES.items()}
    yield running
    for worker in running.values():
        worker.stop()


def compare(workers, name, task):
    with ThreadPoolExecutor(len(workers)) as threads:
        running = {which: threads.submit(worker.run, task) for which, worker in workers.items()}
        seen = {which: future.result() for which, future in running.items()}
    expected = seen.pop("requests")["seen"]
    # Each lane has connections of its own: which request came by which is compared where all took the same lane.
    found = [
        f"{lane} at {path}:\n    requests: {before!r:.600}\n    entreat:  {now!r:.600}"
        for lane, got in seen.items()
        for path, before, now in observe.differences(expected, got["seen"])
        if not is_intended(name, lane, path) and not (path.startswith("connections") and len(set(got["lanes"])) > 1)
    ]
    assert not found, f"{name}\n" + "\n".join(found)
    return seen


def is_intended(name, lane, path):
    return lane != "classic" and any(covers(entry, name, path) for entry in INTENDED)


def covers(entry, name, path):
    which, where, _ = entry
    return re.search(which, name) and re.search(where, path)


@pytest.mark.parametrize("entry", [each for each in INTENDED if each != GENERATED], ids=lambda entry: entry[0])
def test_what_is_intended_to_differ_does(workers, entry):
    tasks = {**CALLS, **{name: name for name in programs.PROGRAMS}}
    names = [name for name in tasks if re.search(entry[0], name)]
    assert any(
        covers(entry, name, path)
        for name in names
        for expected in [workers["requests"].run(tasks[name])["seen"]]
        for lane in ("express", "open")
        for path, *_ in observe.differences(expected, workers[lane].run(tasks[name])["seen"])
    ), "nothing differs any more: take it off the list"


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_as_with_requests(workers, name):
    compare(workers, name, CALLS[name])


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_a_program_is_as_with_requests(workers, name):
    compare(workers, name, name)


@hypothesis.settings(
    max_examples=int(os.environ.get("ENTREAT_EXAMPLES", 150)),
    derandomize="ENTREAT_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(task=generated.tasks())
def test_a_generated_call_is_as_with_requests(workers, task):
    compare(workers, repr(task), task)


def test_there_are_programs_enough_and_the_express_lane_serves_more_than_half(workers):
    assert len(CALLS) + len(programs.PROGRAMS) >= 150
    lanes = [lane for name in CALLS for lane in workers["express"].run(CALLS[name])["lanes"]]
    assert lanes.count("express") > len(lanes) / 2
