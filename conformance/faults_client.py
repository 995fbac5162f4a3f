"""Asks what a case of the fault server asks, with entreat, requests or httpx: run by `run_faults.py`.

    python faults_client.py CLIENT CA_FILE

Reads lines of JSON, each a case and its URL; writes a line for each ask: its outcome, seconds, and bytes of memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "py" / "tests"))

import faults

UPLOAD = b"u" * (16 << 20)


def main(client: str, ca_file: str) -> None:
    make = _httpx if client == "httpx" else _requests
    for line in sys.stdin:
        case, url = json.loads(line)
        ask_with = make(client, case, ca_file)
        for number, ask in enumerate(case["asks"]):
            time.sleep(ask["pause"])
            started, memory = time.monotonic(), faults.Memory()
            body = UPLOAD[: ask["upload"]] if ask["upload"] else None
            outcome = ask_with(ask["method"], f"{url}{number}", body)
            print(json.dumps([*outcome, time.monotonic() - started, memory.taken()]), flush=True)


def _requests(client: str, case: dict, ca_file: str):
    library = __import__(client)
    session = library.Session()
    session.trust_env, session.verify = False, ca_file
    timeout = (case["patience"], case["patience"])
    if client == "entreat" and case["total"] < 10:
        timeout = library.Timeout(connect=case["patience"], read=case["patience"], total=case["total"])

    def ask(method: str, url: str, body: bytes | None) -> tuple:
        try:
            with session.request(method, url, data=body, timeout=timeout, stream=bool(case["limit"])) as answer:
                pieces = answer.iter_content(65536) if case["limit"] else [answer.content]
                return _read(answer.status_code, pieces, case["limit"])
        except Exception as error:
            return _failing(error)

    return ask


def _httpx(client: str, case: dict, ca_file: str):
    import ssl

    import httpx

    session = httpx.Client(
        verify=ssl.create_default_context(cafile=ca_file),
        timeout=case["patience"],
        follow_redirects=True,
        trust_env=False,
    )

    def ask(method: str, url: str, body: bytes | None) -> tuple:
        try:
            with session.stream(method, url, content=body) as answer:
                return _read(answer.status_code, answer.iter_bytes(65536), case["limit"])
        except Exception as error:
            return _failing(error)

    return ask


def _read(status: int, pieces, limit: int | None) -> tuple:
    body = b""
    for piece in pieces:
        body += piece
        if limit and len(body) > limit:
            return ("cut off",)
    return "answer", status, body.hex()


def _failing(error: Exception) -> tuple:
    """Any error is right where one is expected; but it takes a time-out to be one."""
    name = type(error).__name__
    if "Timeout" in name or "timed out" in str(error):
        return "failing", ["TimeOut"], name
    return "failing", ["Broken", "Malformed", "TooLarge", "Coding", "Redirect", "Tls"], name


if __name__ == "__main__":
    main(*sys.argv[1:])
