"""Run the fault server's cases with requests, httpx and curl beside entreat, and write what each scores to FAULTS.md.

    python conformance/run_faults.py [--only WORD]

Needs the fault server (`cargo build -p entreat-testkit`), entreat in the environment that runs this, and curl; requests
and httpx are fetched into an environment under target/. Each client keeps one session for a case; a right outcome, in
time, within memory and with no more connections than allowed counts. Where a client has no time-out for the whole, it
gets one between bytes, as its users do. curl's memory is not judged, and it cannot wait between two requests.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "py" / "tests"))

import faults  # noqa: E402 (found by the line above)

VENV = ROOT / "target" / "faults-venv"
CLIENTS = ("entreat", "requests", "httpx", "curl")
#: Seconds between two bytes that a client waits, at most.
PATIENCE = 1.5
#: What any error but a time-out may mean.
ANY_ERROR = ["Broken", "Malformed", "TooLarge", "Coding", "Redirect", "Tls"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    prepare()
    # Most of the time is spent in waiting for what does not come: all clients wait together.
    with ThreadPoolExecutor(len(CLIENTS)) as threads:
        running = {client: threads.submit(run, client, only) for client in CLIENTS}
        cases, results = running["entreat"].result()[0], {}
        for client, future in running.items():
            for name, wrong in future.result()[1].items():
                results.setdefault(name, {})[client] = wrong
    if not only:
        (HERE / "FAULTS.md").write_text(report(cases, results))
    return 0


def run(client: str, only: str) -> tuple[dict, dict[str, str]]:
    """All cases with one client: the cases, and what was wrong with each."""
    with tempfile.TemporaryDirectory() as folder, faults.Server(Path(folder) / "ca.pem") as server:
        worker = Curl(server.ca_file) if client == "curl" else Worker(client, server.ca_file)
        wrong = {}
        for name, case in server.cases.items():
            if only in name:
                # Those who wait where they need not shall not wait for long.
                case["patience"] = min(case["patience"], PATIENCE)
                wrong[name] = judge(server, worker, case)
        worker.stop()
    right = sum(1 for each in wrong.values() if not each)
    print(f"{client}: {right} of {len(wrong)}", flush=True)
    return server.cases, wrong


def prepare() -> None:
    if (VENV / "ready").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "requests==2.34.2", "httpx"], check=True)
    (VENV / "ready").touch()


def judge(server: faults.Server, worker: Worker | Curl, case: dict) -> str:
    """What is wrong, in a few words; nothing where all is right."""
    url = server.play(case["name"])
    try:
        found = next(worker_faults(worker, case, url), "")
    finally:
        seen = server.stop(case["name"])
    return found or next(faults.peer_faults(case, seen), "").split(":")[0].split(",")[0]


def worker_faults(worker: Worker | Curl, case: dict, url: str):
    outcomes = worker.run(case, url)
    for number, (ask, given) in enumerate(zip(case["asks"], outcomes)):
        *outcome, took, memory = given
        last = number == len(case["asks"]) - 1
        if not faults.is_right(tuple(outcome), ask["expected"], f"{url}{number}"):
            yield ("next request: " if last else "") + shown(outcome)
        if took > case["within"]:
            yield f"{took:.1f} s"
        if memory > case["memory"]:
            yield f"{memory >> 20} MB"
    if len(outcomes) < len(case["asks"]):
        yield "hangs"


def shown(outcome: list) -> str:
    if outcome[0] == "answer":
        return f"{outcome[1]}, {len(outcome[2])} bytes"
    return outcome[-1] if outcome[0] == "failing" else outcome[0]


class Worker:
    """A process that asks with one of the Python clients (`faults_client.py`); started anew after a hang."""

    def __init__(self, client: str, ca_file: str):
        self._client, self._ca_file, self._process = client, ca_file, None

    def run(self, case: dict, url: str) -> list:
        process = self._process = self._process or self._start()
        process.stdin.write(json.dumps([case, url]).encode() + b"\n")
        outcomes = []
        for ask in case["asks"]:
            patience = ask["pause"] + case["within"] + 10
            if not select.select([process.stdout], [], [], patience)[0] or not (line := process.stdout.readline()):
                process.kill()
                process.wait()
                self._process = None
                break
            kind, *rest = json.loads(line)
            if kind == "answer":
                rest[1] = bytes.fromhex(rest[1])
            outcomes.append((kind, *rest))
        return outcomes

    def stop(self) -> None:
        if self._process:
            self._process.stdin.close()
            self._process.wait(timeout=10)

    def _start(self) -> subprocess.Popen:
        python = sys.executable if self._client == "entreat" else str(VENV / "bin" / "python")
        unwanted = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in unwanted and not key.lower().endswith("_proxy")
        }
        command = [python, str(HERE / "faults_client.py"), self._client, self._ca_file]
        # Unbuffered, so that `select` sees what has not been read yet.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment)


class Curl:
    """One command for all requests of a case, so that they share connections."""

    def __init__(self, ca_file: str):
        self._ca_file = ca_file

    def run(self, case: dict, url: str) -> list:
        outcomes: list = []
        while len(outcomes) < len(case["asks"]):
            # After some errors it leaves out what follows.
            more = self._run_from(len(outcomes), case, url)
            if not more:
                break
            outcomes += more
        return outcomes

    def _run_from(self, first: int, case: dict, url: str) -> list:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            command = self._command(first, case, url, folder)
            wait = len(case["asks"]) * (case["within"] + 5)
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=wait)
            except subprocess.TimeoutExpired:
                return []
            took = (time.monotonic() - started) / len(case["asks"])
            lines = enumerate(done.stdout.splitlines(), first)
            return [self._outcome(line, Path(folder) / str(number), took) for number, line in lines]

    def stop(self) -> None:
        pass

    def _command(self, first: int, case: dict, url: str, folder: str) -> list[str]:
        (Path(folder) / "upload").write_bytes(b"u" * max(ask["upload"] or 0 for ask in case["asks"]))
        command = ["curl", "--disable"]
        for number, ask in enumerate(case["asks"][first:], first):
            command += ["--next"] if number > first else []
            command += ["--silent", "--location", "--max-redirs", "20", "--compressed", "--cookie", "", "--cacert"]
            command += [self._ca_file, "--max-time", str(min(case["total"], case["within"])), "--noproxy", "*"]
            command += ["--write-out", "%{exitcode} %{http_code}\n", "--output", f"{folder}/{number}"]
            if case["limit"]:
                command += ["--max-filesize", str(case["limit"])]
            if ask["method"] == "HEAD":
                command += ["--head"]
                # Of HEAD it writes the head.
                command[command.index(f"{folder}/{number}")] = "/dev/null"
            elif ask["upload"]:
                command += ["--request", ask["method"], "--header", "Expect:", "--data-binary", f"@{folder}/upload"]
            elif ask["method"] != "GET":
                command += ["--request", ask["method"]]
            command += [f"{url}{number}"]
        return command

    def _outcome(self, line: str, written: Path, took: float) -> tuple:
        code, status = map(int, line.split())
        if code == 63:
            return "cut off", took, 0
        if code:
            classes = ["TimeOut"] if code == 28 else ANY_ERROR
            return "failing", classes, f"curl's error {code}", took, 0
        return "answer", status, written.read_bytes() if written.exists() else b"", took, 0


def report(cases: dict, results: dict) -> str:
    lines = ["# Peers that misbehave", "", "Written by `python conformance/run_faults.py`, which see.", ""]
    count = len(cases)
    lines += ["| theme | cases | " + " | ".join(CLIENTS) + " |", "|---|---|" + "---|" * len(CLIENTS)]
    themes = list(dict.fromkeys(case["theme"] for case in cases.values()))
    for theme in themes:
        names = [name for name in cases if cases[name]["theme"] == theme]
        right = [str(sum(1 for name in names if not results[name][client])) for client in CLIENTS]
        lines.append(f"| {theme} | {len(names)} | " + " | ".join(right) + " |")
    right = [str(sum(1 for name in cases if not results[name][client])) for client in CLIENTS]
    lines += [f"| all | {count} | " + " | ".join(right) + " |", ""]
    others = [client for client in CLIENTS if client != "entreat"]
    alone = [name for name in cases if all(results[name][client] for client in others)]
    lines += ["## What all the others fail", "", "Why a client should not is argued from the RFC.", ""]
    lines += [f"* `{name}`: {cases[name]['rule']}" for name in alone]
    lines += ["", "## What each fails", ""]
    for client in CLIENTS:
        wrong = [f"`{name}` ({results[name][client]})" for name in cases if results[name][client]]
        lines += [f"**{client}**: " + ("; ".join(wrong) or "nothing") + ".", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
