"""Packages that watch requests see theirs here, and each gets its lane: docs/dropin.md has the table.

They patch what they watch for good, so each runs in a process of its own, under the alias, as in a program that is observed.
"""

import json
import os
import subprocess
import sys
import textwrap

import pytest
from peers import Answers, Peer


@pytest.fixture
def peer():
    with Peer(Answers()) as running:
        yield running


def observed(code, url="", **environment):
    """What a program prints as JSON, with `requests` being ours and `url` set."""
    start = f"import entreat, json\nentreat.install()\nimport requests\nurl = {url!r}\n"
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path)), **environment}
    command = [sys.executable, "-c", start + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_sentry_sees_spans_and_breadcrumbs_in_the_open_lane(peer):
    pytest.importorskip("sentry_sdk")
    lanes, spans, breadcrumbs = observed(
        """
        import sentry_sdk
        sentry_sdk.init(dsn="http://a@127.0.0.1:1/1", traces_sample_rate=1.0, transport=lambda envelope: None)
        with sentry_sdk.start_transaction(name="test") as transaction:
            lanes = [requests.get(url).lane, requests.Session().post(url, json={}).lane]
            spans = [(span.op, span.description) for span in transaction._span_recorder.spans]
            crumbs = [each["data"] for each in sentry_sdk.get_isolation_scope()._breadcrumbs]
        print(json.dumps([lanes, spans, [(each["url"], each["http.response.status_code"]) for each in crumbs]]))
        """,
        f"{peer.url}/",
    )
    assert lanes == ["open", "open"]
    assert spans == [["http.client", f"{method} {peer.url}/"] for method in ("GET", "POST")]
    assert breadcrumbs == [[f"{peer.url}/", 200]] * 2
    assert all(b"\r\nsentry-trace: " in request for request in peer.requests)


@pytest.mark.parametrize("name", ["requests.RequestsInstrumentor", "urllib3.URLLib3Instrumentor"])
def test_opentelemetry_sees_spans_in_the_open_lane(peer, name):
    pytest.importorskip("opentelemetry.instrumentation.requests")
    module, instrumentor = name.split(".")
    lanes, spans = observed(
        f"""
        from opentelemetry import trace
        from opentelemetry.instrumentation.{module} import {instrumentor}
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        {instrumentor}().instrument(tracer_provider=provider)
        lanes = [requests.get(url).lane, requests.Session().post(url, data="x").lane]
        {instrumentor}().uninstrument()
        lanes.append(requests.get(url).status_code)
        spans = [(each.name, each.attributes["http.url"]) for each in exporter.get_finished_spans()]
        print(json.dumps([lanes, spans]))
        """,
        f"{peer.url}/",
    )
    assert lanes == ["open", "open", 200]
    assert spans == [["GET", f"{peer.url}/"], ["POST", f"{peer.url}/"]]
    assert [b"\r\ntraceparent: " in request for request in peer.requests] == [True, True, False]


@pytest.mark.parametrize(
    "first", ["truststore.inject_into_ssl(); import requests", "import requests; truststore.inject_into_ssl()"]
)
def test_truststore_means_the_store_of_the_operating_system(origin, first):
    pytest.importorskip("truststore")
    url = f"{origin.https}/get"
    code = f"""
        import truststore
        {first}
        response = requests.get(url)
        print(json.dumps([response.status_code, response.lane]))
    """
    assert observed(code, url, SSL_CERT_FILE=origin.ca_file) == [200, "classic"]
    refused = f"""
        import truststore
        {first}
        try:
            requests.get(url)
        except requests.exceptions.SSLError:
            print(json.dumps("refused"))
    """
    assert observed(refused, url) == "refused"


def test_without_certifi_the_store_of_the_operating_system_is_trusted(origin):
    code = """
        import sys
        response = requests.get(url)
        from requests import certs, utils
        same = certs.where() == certs.system_store() == utils.DEFAULT_CA_BUNDLE_PATH
        print(json.dumps([response.status_code, response.lane, same]))
    """
    start = "import sys; sys.modules['certifi'] = None\n"
    code = start + textwrap.dedent(code)
    assert observed(code, f"{origin.https}/get", SSL_CERT_FILE=origin.ca_file) == [200, "express", True]
    assert observed(start + "print(json.dumps(requests.certs.where() is not None))", "") is True


def test_with_certifi_its_bundle_is_trusted():
    import certifi
    import entreat

    assert entreat.certs.where() == entreat.utils.DEFAULT_CA_BUNDLE_PATH == certifi.where()
