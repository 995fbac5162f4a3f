//! The faces over the engine: what the blocking client and the one on tokio add to it.

use crate::support::*;
use entreat::net::scripted::{Script, Step};
use entreat::{Client, Kind, aio};
use std::io::Read;

fn latin1(body: &[u8]) -> Step {
    response("200 OK", "Content-Type: text/plain; charset=iso-8859-1\r\n", body)
}

/// Answers text in Latin-1, JSON twice, and an error.
fn script() -> Script {
    let answers = [latin1(b"caf\xe9"), ok("{\"job\": 1}"), ok("{oops"), response("404 Not Here", "", "gone")];
    answers.into_iter().flat_map(|answer| [Step::Expect, answer]).collect()
}

#[test]
fn the_blocking_client_reads_text_json_and_statuses() {
    let bench = BlockingBench::default();
    let (peer, client) = (bench.peer(script()), Client::new());
    let get = || client.send(peer.get("/")).unwrap();
    assert_eq!(get().text().unwrap(), "caf\u{e9}");
    assert_eq!(get().json::<serde_json::Value>().unwrap()["job"], 1);
    let error = get().json::<serde_json::Value>().unwrap_err();
    assert!(error.kind() == Kind::InvalidContent && error.to_string().contains("{oops"), "{error}");
    let error = get().error_for_status().unwrap_err();
    assert_eq!((error.kind(), error.seen_text()), (Kind::Status, Some("404 Not Here: gone")));
    assert_eq!(peer.log.connections(), 1);
}

#[test]
fn the_async_client_reads_text_json_and_statuses() {
    let bench = TokioBench::default();
    runtime().block_on(async {
        let (peer, client) = (bench.peer(script()), aio::Client::new());
        let get = async || client.send(peer.get("/")).await.unwrap();
        assert_eq!(get().await.text().await.unwrap(), "caf\u{e9}");
        assert_eq!(get().await.json::<serde_json::Value>().await.unwrap()["job"], 1);
        let error = get().await.json::<serde_json::Value>().await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidContent, "{error}");
        assert_eq!(get().await.bytes().await.unwrap(), b"gone");
        client.close().await;
        assert_eq!(client.get(peer.url("/")).await.unwrap_err().kind(), Kind::Closed);
        assert_eq!(peer.log.connections(), 1);
    });
}

#[test]
fn a_reader_gives_the_body_as_it_comes_and_its_errors_inside() {
    let bench = BlockingBench::default();
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let peer = bench.peer([Step::Expect, ok("whole"), Step::Expect, half]);
    let client = Client::new();
    let mut text = String::new();
    client.send(peer.get("/")).unwrap().reader().read_to_string(&mut text).unwrap();
    assert_eq!(text, "whole");
    let error = client.send(peer.get("/")).unwrap().reader().read_to_string(&mut text).unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<entreat::Error>()).unwrap();
    assert_eq!(inner.kind(), Kind::ClosedEarly);
}

#[test]
fn calls_without_a_client_keep_connections_but_no_cookies() {
    let bench = BlockingBench::default();
    let peer =
        bench.peer_for_all([Step::Expect, response("200 OK", "Set-Cookie: a=1\r\n", "x"), Step::Again]);
    for _ in 0..2 {
        assert_eq!(entreat::get(peer.url("/")).unwrap().text().unwrap(), "x");
    }
    assert_eq!(peer.log.requests_by_connection(), [2]);
    assert_eq!(peer.log.requests()[1].header("Cookie"), None);
}

#[test]
fn async_calls_without_a_client_take_a_connection_each() {
    let bench = TokioBench::default();
    let peer = bench.peer_for_all([Step::Expect, ok("x"), Step::Again]);
    for _ in 0..2 {
        let text = runtime().block_on(async { aio::get(peer.url("/")).await?.text().await });
        assert_eq!(text.unwrap(), "x");
    }
    assert_eq!(peer.log.requests_by_connection(), [1, 1]);
}

const LINES: &str = "one\r\n\ntwo \u{e9}\nlast";

#[test]
fn the_blocking_client_reads_lines_and_writes_files() {
    let bench = BlockingBench::default();
    let peer = bench.peer_for_all([Step::Expect, ok(LINES), Step::Again]);
    let client = Client::new();
    let mut response = client.get(peer.url("/")).unwrap();
    let lines = response.lines().collect::<entreat::Result<Vec<_>>>().unwrap();
    assert_eq!(lines, ["one", "", "two \u{e9}", "last"]);
    let (file, mut copy) = (tempfile("before"), Vec::new());
    let length = LINES.len() as u64;
    assert_eq!(client.get(peer.url("/")).unwrap().save(file.path()).unwrap(), length);
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), LINES);
    assert_eq!(client.get(peer.url("/")).unwrap().copy_to(&mut copy).unwrap(), length);
    assert_eq!((copy, peer.log.connections()), (LINES.as_bytes().to_vec(), 1));
}

#[test]
fn the_async_client_reads_lines_and_writes_files() {
    let bench = TokioBench::default();
    let peer = bench.peer_for_all([Step::Expect, ok(LINES), Step::Again]);
    runtime().block_on(async {
        let client = aio::Client::new();
        let mut response = client.get(peer.url("/")).await.unwrap();
        let (mut lines, mut found) = (response.lines(), Vec::new());
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        assert_eq!(found, ["one", "", "two \u{e9}", "last"]);
        let file = tempfile("before");
        let length = client.get(peer.url("/")).await.unwrap().save(file.path()).await.unwrap();
        assert_eq!(
            (length, std::fs::read_to_string(file.path()).unwrap()),
            (LINES.len() as u64, LINES.into())
        );
    });
}

#[test]
fn a_body_that_breaks_off_is_an_error_of_lines_and_files() {
    let bench = BlockingBench::default();
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na\nhalf");
    let peer = bench.peer_for_all([Step::Expect, half]);
    let mut response = Client::new().get(peer.url("/")).unwrap();
    let lines: Vec<_> = response.lines().collect();
    assert_eq!((lines.len(), lines[0].as_deref().unwrap()), (2, "a"));
    assert_eq!(lines[1].as_ref().unwrap_err().kind(), Kind::ClosedEarly);
    let error = Client::new().get(peer.url("/")).unwrap().copy_to(&mut Vec::new()).unwrap_err();
    assert!(error.get_ref().is_some_and(|inner| inner.is::<entreat::Error>()));
}
