"""The main job in three faces, against the testkit's origin or a URL of your own: what `make demo` runs.

Starts `entreat-origin` on a free port, runs `examples/main_job.py`, the Rust example `main_job` and the command
`entreat` against it, prints what came back, and exits non-zero unless every answer was as it should be.

With --url, nothing is started. An origin with httpbin's routes gets the GET and the POST, like our own; of any other
URL the three faces only GET the page.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import entreat

HERE = pathlib.Path(__file__).parent
FORM = {"name": "John", "job": "developer"}
LONGEST_TEXT = 2_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="where the release builds are")
    parser.add_argument("--url", help="a URL of your own, in place of the testkit's origin")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(origin(arguments.binaries / "entreat-origin"))
        urls = routes(url)
        failures = [name for name, job in faces(arguments.binaries).items() if not run(name, job, urls)]
    if failures:
        sys.exit(f"demo: {' and '.join(failures)} failed")
    jobs = "GET and POST" if len(urls) == 2 else "GET"
    print(f"\nAll three faces did their {jobs}.")


@contextlib.contextmanager
def origin(command):
    """The testkit's origin on a free port, for as long as its standard input stays open."""
    process = subprocess.Popen(
        [command, "--quiet", "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield json.loads(process.stdout.readline())["http"]
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def routes(url):
    """The URLs of the main job: httpbin's two routes where `url` has them, else `url` itself."""
    root = url.rstrip("/")
    with contextlib.suppress(entreat.RequestException, ValueError, AttributeError):
        if entreat.get(f"{root}/get", timeout=10).json().get("headers"):
            return [f"{root}/get", f"{root}/post"]
    return [url]


def faces(binaries):
    return {
        "Python": lambda urls: [([sys.executable, "-B", HERE / "main_job.py", *urls], None)],
        "Rust": lambda urls: [([binaries / "examples" / "main_job", *urls], None)],
        "Command": lambda urls: commands(binaries / "entreat", *urls),
    }


def commands(entreat_command, get_url, post_url=None):
    """Each command line with what its output must satisfy."""
    yield [entreat_command, "--include", "--check-status", get_url], None
    if post_url:
        items = [f"{name}={value}" for name, value in FORM.items()]
        post = [entreat_command, "--check-status", "--form", "POST", post_url, *items]
        yield post, lambda text: json.loads(text)["form"] == FORM


def run(name, job, urls):
    """Runs one face; true where every command succeeded and printed what it should."""
    print(f"\n=== {name} " + "=" * (75 - len(name)))
    for command, check in job(urls):
        shown = [os.path.relpath(word) if os.path.isabs(word) else str(word) for word in command]
        print(f"$ {' '.join(shown)}", flush=True)
        result = subprocess.run(command, capture_output=True, timeout=120, check=False)
        text = result.stdout.decode(errors="replace").rstrip("\n")
        print(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\n... ({len(text)} characters)")
        if result.returncode != 0:
            print(f"exit status {result.returncode}: {result.stderr.decode(errors='replace')}")
            return False
        if check and not check(text):
            print("the form did not arrive")
            return False
    return True


if __name__ == "__main__":
    main()
