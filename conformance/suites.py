"""The suites that others wrote: where each comes from, what it needs, how it is run, what it scores.

Read by `run_requests.py` and `run_dependents.py`. Nothing of the suites themselves lies in this repository: they are
fetched as source distributions when they are run. Of packages whose tests are not in theirs, `own/` has some of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suite:
    """One suite. `passes` is what it scores with the real requests 2.34.2 on CPython 3.11."""

    name: str
    version: str
    passes: int
    requirements: tuple[str, ...]
    tests: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    #: Files of the source distribution that must not be importable: the package itself, installed apart.
    remove: tuple[str, ...] = ()
    #: The tests are ours, in `own/NAME`: the package has none in its source distribution.
    own: bool = False
    #: Tests that differ from run to run with the real one too.
    unsteady: tuple[str, ...] = ()


REQUESTS = Suite(
    name="requests",
    version="2.34.2",
    passes=617,
    requirements=(
        "requests[socks]==2.34.2",
        "pytest<10",
        "pytest-cov",
        "pytest-mock",
        "pytest-httpbin==2.1.0",
        "httpbin~=0.10.0",
        "trustme",
        "wheel",
        "PySocks",
    ),
    tests=("tests",),
    remove=("src",),
)

DEPENDENTS = (
    Suite(
        name="responses",
        version="0.26.3",
        passes=233,
        requirements=("responses==0.26.3", "pytest", "pytest-asyncio", "pytest-httpserver", "tomli-w"),
        tests=("responses",),
    ),
    Suite(
        name="requests-mock",
        version="1.12.1",
        passes=145,
        requirements=("requests-mock==1.12.1", "pytest", "fixtures", "purl", "testtools", "requests_futures"),
        tests=("tests",),
    ),
    Suite(
        name="requests-cache",
        version="1.3.3",
        passes=1134,
        requirements=(
            "requests-cache[all]==1.3.3",
            "pytest",
            "pytest-rerunfailures",
            "requests-mock~=1.12",
            "responses",
            "tenacity~=8.0",
            "time-machine~=2.9",
            "rich",
            "psutil",
            "pytest-httpbin",
        ),
        tests=(
            "tests/unit",
            "tests/compat",
            "tests/integration/test_memory.py",
            "tests/integration/test_sqlite.py",
            "tests/integration/test_filesystem.py",
        ),
        environment={"USE_PYTEST_HTTPBIN": "true"},
    ),
    Suite(
        name="requests-toolbelt",
        version="1.0.0",
        passes=158,
        requirements=("requests-toolbelt==1.0.0", "pytest", "betamax>0.5.0", "trustme", "pyopenssl"),
        tests=("tests",),
    ),
    Suite(
        name="requests-oauthlib",
        version="2.0.0",
        passes=69,
        requirements=("requests-oauthlib==2.0.0", "oauthlib[signedtoken]", "pytest", "requests-mock"),
        tests=("tests", "--ignore=tests/examples"),
        unsteady=("test_fetch_access_token", "test_refresh_token"),
    ),
    Suite(
        name="betamax",
        version="0.9.0",
        passes=132,
        requirements=("betamax==0.9.0", "pytest"),
        tests=("tests",),
    ),
    Suite(
        name="requests-futures",
        version="1.1.0",
        passes=30,
        requirements=("requests-futures==1.1.0", "pytest", "pytest-httpbin", "httpbin"),
        tests=("tests",),
    ),
    Suite(
        name="requests-unixsocket",
        version="0.4.1",
        passes=6,
        requirements=("requests-unixsocket==0.4.1", "pytest", "waitress"),
        tests=("-c", "/dev/null", "--rootdir=.", "requests_unixsocket/tests"),
    ),
    Suite(
        name="httpie",
        version="3.2.4",
        passes=986,
        requirements=(
            "httpie==3.2.4",
            "pytest",
            "pytest-httpbin",
            "responses",
            "pytest-mock",
            "pyopenssl",
            "setuptools<80",
            "pip",
            "wheel",
        ),
        tests=("tests", "--ignore=tests/test_plugins_cli.py"),
    ),
    Suite(
        name="PyGithub",
        version="2.10.0",
        passes=1130,
        requirements=(
            "PyGithub==2.10.0",
            "more-itertools",
            "parameterized",
            "pytest",
            "responses",
            "pytest-subtests",
        ),
        tests=("tests",),
    ),
    Suite(
        name="CacheControl",
        version="0.14.4",
        passes=45,
        requirements=("CacheControl[filecache]==0.14.4", "pytest"),
        tests=("test_cachecontrol.py",),
        own=True,
    ),
    Suite(
        name="docker",
        version="7.2.0",
        passes=28,
        requirements=("docker==7.2.0", "pytest"),
        tests=("test_docker.py",),
        own=True,
    ),
    Suite(
        name="requests-file",
        version="3.0.1",
        passes=9,
        requirements=("requests-file==3.0.1", "pytest"),
        tests=("tests",),
    ),
    Suite(
        name="tldextract",
        version="5.4.0",
        passes=93,
        requirements=("tldextract==5.4.0", "pytest", "pytest-mock", "responses", "syrupy", "sybil[pytest]"),
        tests=("tests",),
    ),
    Suite(
        name="requests-ratelimiter",
        version="0.10.0",
        passes=86,
        requirements=("requests-ratelimiter==0.10.0", "pytest", "requests-mock", "requests-cache"),
        tests=("test",),
    ),
    Suite(
        name="python-gitlab",
        version="8.6.0",
        passes=722,
        requirements=("python-gitlab[yaml]==8.6.0", "pytest", "responses", "anyio", "respx", "gql[httpx]", "trio"),
        tests=("tests/unit",),
    ),
    Suite(
        name="prawcore",
        version="4.0.0",
        passes=111,
        requirements=("prawcore==4.0.0", "pytest", "vcrpy"),
        tests=("tests",),
    ),
    Suite(
        name="vcrpy",
        version="9.4.2",
        passes=348,
        requirements=(
            "requests==2.34.2",
            "vcrpy==9.4.2",
            "pytest",
            "pytest-asyncio",
            "pytest-httpbin",
            "httpbin",
            "yarl",
        ),
        tests=(
            "tests/unit",
            "tests/integration/test_requests.py",
            "tests/integration/test_basic.py",
            "--ignore=tests/unit/test_httpx_stubs.py",
            "-m",
            "not online",
        ),
    ),
)
