"""A server that asks for the client's certificate: `cert=` on the engine, in the open lane."""

from __future__ import annotations

import http.server
import ssl
import threading

import entreat
import pytest
import trustme


class _Names(http.server.BaseHTTPRequestHandler):
    """Answers with the names in the client's certificate."""

    def do_GET(self):
        body = repr(self.connection.getpeercert().get("subjectAltName")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """The URL of such a server, and a directory with ca.pem, cert.pem, key.pem and both.pem."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    client = authority.issue_cert("me@example.org")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    client.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with http.server.HTTPServer(("127.0.0.1", 0), _Names) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/", folder
        server.shutdown()


@pytest.mark.parametrize("names", [("both.pem",), ("cert.pem", "key.pem")])
def test_a_client_certificate_is_shown_by_the_engine(asking, names):
    url, folder = asking
    paths = tuple(str(folder / name) for name in names)
    answer = entreat.get(url, verify=str(folder / "ca.pem"), cert=paths if len(paths) > 1 else paths[0])
    assert (answer.lane, "me@example.org" in answer.text) == ("express", True)


@pytest.mark.parametrize("style", ["PKCS8", "TraditionalOpenSSL"])
def test_the_key_may_be_encrypted(asking, style):
    from cryptography.hazmat.primitives import serialization

    url, folder = asking
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    coded = key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, style), secret)
    (folder / "coded.pem").write_bytes(coded)
    cert = str(folder / "cert.pem"), str(folder / "coded.pem")
    with entreat.Session() as session:
        session.options.key_passphrase = b"secret"
        answer = session.get(url, verify=str(folder / "ca.pem"), cert=cert)
    assert (answer.lane, "me@example.org" in answer.text) == ("open", True)


def test_without_a_certificate_the_handshake_fails(asking):
    url, folder = asking
    with pytest.raises(entreat.exceptions.SSLError):
        entreat.get(url, verify=str(folder / "ca.pem"))
