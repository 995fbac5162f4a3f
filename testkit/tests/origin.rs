//! The origin over real sockets: what the routes' own tests and the comparison with httpbin cannot see.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use entreat_testkit::origin::{self, OriginHandle};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn exchange(origin: &OriginHandle, bytes: &[u8]) -> String {
    let mut client = TcpStream::connect(("127.0.0.1", origin.http_port)).expect("listens");
    client.set_read_timeout(Some(Duration::from_secs(5))).expect("is a socket");
    client.write_all(bytes).expect("reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("answers in text and closes");
    answer
}

const LAST: &str = "GET /testkit/close HTTP/1.1\r\n\r\n";

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = origin::spawn();
    let answer =
        exchange(&origin, format!("GET /ip HTTP/1.1\r\n\r\nHEAD /ip HTTP/1.1\r\n\r\n{LAST}").as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(answer.matches("127.0.0.1").count(), 1, "HEAD has no body: {answer}");
    assert_eq!((origin.connections(), origin.requests()), (1, 3));
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let origin = origin::spawn();
    let mut client = TcpStream::connect(("127.0.0.1", origin.http_port)).expect("listens");
    client.set_nodelay(true).expect("is a socket");
    let request = "PUT /put HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n";
    request.bytes().for_each(|byte| client.write_all(&[byte]).expect("reads"));
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("answers in text");
    assert!(answer.contains("\"data\":\"abc\""), "{answer}");
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let origin = origin::spawn();
    let request =
        "POST /post HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    let answer = exchange(&origin, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn messages_that_two_readers_could_read_differently_are_refused() {
    let origin = origin::spawn();
    for headers in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: +1\r\n",
        "Transfer-Encoding: gzip\r\n",
        "No colon\r\n",
    ] {
        let answer = exchange(&origin, format!("POST /post HTTP/1.1\r\n{headers}\r\n0\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 BAD REQUEST\r\n"), "{headers}: {answer}");
    }
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let origin = origin::spawn();
    let answer = exchange(&origin, b"GET /testkit/chunked/5?chunk_size=2 HTTP/1.0\r\n\r\n");
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("\r\n\r\nabcde"), "{answer}");
    let kept = format!("GET /ip HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{LAST}");
    assert!(exchange(&origin, kept.as_bytes()).contains("Connection: keep-alive\r\n"));
}

#[test]
fn framings_of_every_kind_are_sent() {
    let origin = origin::spawn();
    let answer = |path: &str| {
        exchange(&origin, format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes())
    };
    assert!(answer("/testkit/trailers").ends_with("0\r\nX-Count: 2\r\nX-Checksum: none\r\n\r\n"));
    assert!(answer("/testkit/early-hints").starts_with("HTTP/1.1 103 EARLY HINTS\r\n"));
    assert!(!answer("/testkit/no-length").contains("Content-Length"));
    assert!(
        answer("/testkit/large/1000000").ends_with(&"abcdefghijklmnopqrstuvwxyz".repeat(40_000)[..1_000_000])
    );
    assert!(
        answer("/testkit/echo-raw?q")
            .ends_with("\r\n\r\nGET /testkit/echo-raw?q HTTP/1.1\r\nConnection: close\r\n\r\n")
    );
}

#[test]
fn a_drip_takes_its_time() {
    let origin = origin::spawn();
    let start = Instant::now();
    let request = "GET /drip?delay=0.05&duration=0.1&numbytes=4 HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert!(exchange(&origin, request.as_bytes()).ends_with("****"));
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[test]
fn https_is_trusted_by_the_authority() {
    let origin = origin::spawn();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(origin.ca_pem.as_bytes()).expect("is PEM"))
        .expect("is an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("knows TLS");
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    for (name, address) in [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")] {
        let name = ServerName::try_from(name).expect("is a name");
        let connection = ClientConnection::new(Arc::clone(&config), name).expect("is configured");
        let stream = TcpStream::connect((address, origin.https_port)).expect("listens");
        let mut client = StreamOwned::new(connection, stream);
        client
            .write_all(b"GET /get HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            .expect("is trusted");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("ends with close_notify");
        assert!(answer.contains("\"url\":\"https://a.test/get\""), "{answer}");
    }
}

#[test]
fn a_dropped_origin_stops_listening() {
    let origin = origin::spawn();
    let port = origin.http_port;
    drop(origin);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
