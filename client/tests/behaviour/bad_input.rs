//! Mistakes of the caller: one clear error each, before anyone is connected to.

use crate::support::*;
use entreat::{Body, Config, Kind, Request, Timeout};
use std::time::Duration;

behaviour!(an_url_that_cannot_be_asked_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    let address = peer.address;
    let cases = [
        (format!("ftp://{address}/"), Kind::UnsupportedScheme),
        ("file:///etc/passwd".to_owned(), Kind::UnsupportedScheme),
        (format!("{address}/path"), Kind::MissingScheme),
        ("/path".to_owned(), Kind::MissingScheme),
        ("http://".to_owned(), Kind::InvalidUrl),
        ("http:///path".to_owned(), Kind::InvalidUrl),
        ("http://?a=b".to_owned(), Kind::InvalidUrl),
        (format!("http://{address}/a b"), Kind::InvalidUrl),
        (format!("http://{address}/a\r\nX: y"), Kind::InvalidUrl),
        (format!("http://{address}/a\tb"), Kind::InvalidUrl),
        (format!("http://{address}/\0"), Kind::InvalidUrl),
        (format!(" http://{address}/"), Kind::InvalidUrl),
        ("http://127.0.0.1:65536/".to_owned(), Kind::InvalidUrl),
        ("http://127.0.0.1:-1/".to_owned(), Kind::InvalidUrl),
        ("http://127.0.0.1:http/".to_owned(), Kind::InvalidUrl),
    ];
    for (url, kind) in cases {
        let error = failure(&bench.session(), Request::get(&url)).await;
        assert_eq!(error.kind(), kind, "{url:?}: {error}");
    }
    assert_eq!(peer.log.connections(), 0);
});

behaviour!(a_header_that_would_break_the_head_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    let values = ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b"];
    for value in values {
        refused(bench, &peer, peer.get("/").header("X-Test", value), Kind::InvalidHeader).await;
        refused(bench, &peer, peer.get("/").append_header("X-Test", value), Kind::InvalidHeader).await;
        let agent = peer.get("/").configure(|config| config.user_agent(value));
        refused(bench, &peer, agent, Kind::InvalidHeader).await;
    }
    for name in ["X\r\nY", "X\nY", "X\0", "X Y", "X:", ""] {
        refused(bench, &peer, peer.get("/").header(name, "value"), Kind::InvalidHeader).await;
    }
});

behaviour!(a_method_that_is_no_token_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    for method in ["", "GET /other", "GET\r\nX: y", "G\0T"] {
        let request = Request::new(method, peer.url("/"));
        refused(bench, &peer, request, Kind::InvalidMethod).await;
    }
});

behaviour!(a_time_out_of_zero_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    let zero = Some(Duration::ZERO);
    let limits = [
        Timeout { connect: zero, ..Timeout::NONE },
        Timeout { read: zero, ..Timeout::NONE },
        Timeout { write: zero, ..Timeout::NONE },
        Timeout { pool: zero, ..Timeout::NONE },
        Timeout { total: zero, ..Timeout::NONE },
    ];
    for limit in limits {
        let request = peer.get("/").configure(|config| config.timeout(limit));
        refused(bench, &peer, request, Kind::InvalidTimeout).await;
        let session = entreat::session::Session::new(bench.net(), Config::new().timeout(limit));
        assert_eq!(session.unwrap_err().kind(), Kind::InvalidTimeout);
    }
});

behaviour!(a_body_that_contradicts_its_announced_length_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    for announced in ["4", "6", "-5", "five", "5, 5", ""] {
        let request = peer.post("/").header("Content-Length", announced).body("12345");
        refused(bench, &peer, request, Kind::InvalidBody).await;
    }
    let empty = peer.post("/").header("Content-Length", "5");
    refused(bench, &peer, empty, Kind::InvalidBody).await;
    let sized = peer.post("/").header("Content-Length", "5").body(Body::sized_reader(std::io::empty(), 4));
    refused(bench, &peer, sized, Kind::InvalidBody).await;
    let both =
        peer.post("/").header("Content-Length", "5").header("Transfer-Encoding", "chunked").body("12345");
    refused(bench, &peer, both, Kind::InvalidBody).await;
});

behaviour!(a_file_that_cannot_be_read_is_refused, |bench| {
    let peer = bench.peer_for_all([]);
    for path in ["/nonexistent/file", "/"] {
        let error = failure(&bench.session(), peer.post("/").file(path)).await;
        assert_eq!(error.kind(), Kind::InvalidBody);
        assert!(error.to_string().contains(path), "{error}");
    }
    assert_eq!(peer.log.connections(), 0);
});

behaviour!(an_error_never_shows_a_password, |bench| {
    let url = "http://user:hunter2@127.0.0.1:1/";
    let error = failure(&bench.session(), Request::get(url)).await;
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
});
