"""Run every case with whatever `requests` means here, and write what was seen to a file as JSON.

    python program.py OUTPUT

`run_differential.py` calls this with the real requests and with ours in each lane, and compares.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time

import requests
from cases import CASES
from generated import generated
from origin import Origin

PATIENCE = 6


def main() -> None:
    seen = {name: observe(script, program) for name, script, program in [*CASES, *generated()]}
    with open(sys.argv[1], "w") as output:
        json.dump(seen, output, indent=1, sort_keys=True)


def observe(script, program) -> dict:
    """What a case comes to: its result, what the server received, over how many connections."""
    origin = Origin(script)
    outcome: list = []
    thread = threading.Thread(target=lambda: outcome.append(attempt(program, origin.url)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    # The server may still be writing down what it received.
    time.sleep(0.02)
    seen = {
        "result": outcome[0] if outcome else "hangs",
        "wire": [request.decode("latin-1") for request in origin.received],
        "connections": origin.connections,
    }
    origin.close()
    return neutral(seen, origin.port)


def attempt(program, url: str):
    try:
        return describe(program(url))
    except Exception as error:
        return {"raises": describe_error(error)}


def describe(value):
    """A result as JSON has it."""
    if isinstance(value, requests.Response):
        return describe_response(value)
    if isinstance(value, (list, tuple)):
        return [describe(each) for each in value]
    if isinstance(value, BaseException):
        return describe_error(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value


def describe_response(response: requests.Response) -> dict:
    raw = response.raw
    seen = {
        "status": response.status_code,
        "reason": response.reason,
        "headers": list(response.headers.items()),
        "url": response.url,
        "encoding": response.encoding,
        "content": response.content.decode("latin-1"),
        "text": response.text,
        "history": [each.status_code for each in response.history],
        "cookies": sorted(response.cookies.items()),
        "request": [response.request.method, response.request.url, list(response.request.headers.items())],
        "attributes": sorted(vars(response)),
    }
    if raw is not None:
        seen |= {
            "raw.headers": list(raw.headers.items()),
            "raw.version": [raw.version, raw.version_string],
            "raw.chunked": raw.chunked,
            "raw.length_remaining": raw.length_remaining,
            "raw.closed": [raw.closed, raw._original_response.isclosed()],
            "raw.msg": raw._original_response.msg.items(),
            "raw.tell": raw.tell(),
            "raw.retries": repr(raw.retries),
            "raw.request_url": raw._request_url,
            "raw.released": raw._connection is None,
            "raw.type": type(raw).__name__,
        }
    return seen


def describe_error(error, depth: int = 0):
    """An exception by class, arguments, and what caused it."""
    if not isinstance(error, BaseException):
        return repr(error) if not hasattr(error, "port") else type(error).__name__
    name = f"{type(error).__module__}.{type(error).__name__}"
    if depth == 8:
        return name
    return {
        "class": name.replace("entreat.", "requests."),
        "arguments": [describe_error(argument, depth + 1) for argument in error.args],
        "reason": describe_error(getattr(error, "reason", None), depth + 1),
        "context": describe_error(error.__context__, depth + 1),
    }


def neutral(seen: dict, port: int) -> dict:
    """Without what differs from run to run: the port, addresses in memory, boundaries of multipart forms."""
    text = json.dumps(seen, default=repr).replace(str(port), "PORT")
    text = re.sub(r"0x[0-9a-f]{6,}", "0x", text)
    text = re.sub(r"[0-9a-f]{32}", "HEX", text)
    return json.loads(text)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main()
