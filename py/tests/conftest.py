"""What the tests share: the testkit's origin, and an environment that says nothing.

The environment is cleaned before anything is imported: no proxies, no bundles of authorities, no netrc. The origin is
the command `entreat-origin`, named by $ENTREAT_ORIGIN or built beforehand (`cargo build -p entreat-testkit`).
"""

import importlib
import json
import os
import pathlib
import subprocess
import tempfile
import types

import pytest

_CLEARED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "REQUEST_METHOD")
for _name in list(os.environ):
    if _name in _CLEARED or _name.lower().endswith("_proxy"):
        del os.environ[_name]
# Without a .netrc, whoever runs this.
os.environ["HOME"] = tempfile.mkdtemp(prefix="entreat-home-")


if os.environ.get("CI"):
    # Elsewhere what needs a package that is missing is skipped; there it fails.
    pytest.importorskip = importlib.import_module


def _origin_command():
    if named := os.environ.get("ENTREAT_ORIGIN"):
        return named
    repository = pathlib.Path(__file__).resolve().parents[2]
    targets = [pathlib.Path(os.environ.get("CARGO_TARGET_DIR", repository / "target")), repository / "target"]
    built = [target / profile / "entreat-origin" for target in targets for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    assert built, "build the origin first: cargo build -p entreat-testkit (or name it in ENTREAT_ORIGIN)"
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    """httpbin's routes: `.http` and `.https` are URLs without a slash at the end, `.ca_file` the authority to trust."""
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    command = [_origin_command(), "--quiet", "--until-stdin-closes", "--ca-file", ca_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        listening = json.loads(process.stdout.readline())
        yield types.SimpleNamespace(http=listening["http"], https=listening["https"], ca_file=str(ca_file))
        process.stdin.close()
        process.wait(timeout=10)


@pytest.fixture
def session():
    import entreat

    with entreat.Session() as made:
        yield made


@pytest.fixture
def refused():
    """A URL of loopback at whose port nobody listens."""
    import socket

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"
