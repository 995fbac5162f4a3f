//! Which way requests go, and proxies that refuse, stall and talk nonsense (RFC 9110 section 9.3.6, RFC 1928, RFC 1929).

use crate::support::*;
use entreat::net::scripted::{Script, Step};
use entreat::{Config, Guard, Headers, Kind, Proxies, Request, Timeout};
use std::time::Duration;

/// What a SOCKS 5 proxy says that needs no authentication, and that it connected.
const NO_AUTHENTICATION: &[u8] = &[5, 0];
const CONNECTED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// How long the question for `a.test` is.
const NAME_QUESTION: Step = Step::ExpectBytes(4 + 1 + 6 + 2);

fn through(proxy: &Peer) -> Config {
    Config::new().proxy(&proxy.url(""))
}

fn by(scheme: &str, proxy: &Peer) -> Config {
    Config::new().proxy(&format!("{scheme}://{}", proxy.address))
}

/// A SOCKS 5 proxy that connects, and what plays behind it.
fn socks(behind: impl IntoIterator<Item = Step>) -> Script {
    let hello = [Step::ExpectBytes(3), Step::send(NO_AUTHENTICATION), NAME_QUESTION, Step::send(CONNECTED)];
    hello.into_iter().chain(behind).collect()
}

fn fields(name: &str, value: &str) -> Headers {
    let mut fields = Headers::new();
    fields.append(name, value).unwrap();
    fields
}

behaviour!(a_proxy_is_asked_for_the_whole_url, |bench| {
    let proxy = bench.peer([Step::Expect, ok("through")]);
    let session = bench.session_with(through(&proxy));
    let request = Request::get("http://us:er@a.test:81/path?query#fragment");
    assert_eq!(fetch(&session, request).await.unwrap().text(), "through");
    assert_eq!(proxy.lines(), ["GET http://a.test:81/path?query"]);
    let asked = &proxy.log.requests()[0];
    assert_eq!(asked.header("Host"), Some("a.test:81"));
    assert_eq!(
        (asked.header("Authorization"), asked.header("Proxy-Authorization")),
        (Some("Basic dXM6ZXI="), None)
    );
});

behaviour!(one_connection_to_the_proxy_serves_all_origins, |bench| {
    let proxy = bench.peer([Step::Expect, Step::Echo, Step::Again]);
    let session = bench.session_with(through(&proxy));
    for url in ["http://a.test/", "http://b.test/", "http://a.test:81/"] {
        assert_eq!(fetch(&session, Request::get(url)).await.unwrap().text(), url);
    }
    assert_eq!(proxy.log.connections(), 1);
});

behaviour!(the_proxys_connection_serves_no_request_that_goes_straight, |bench| {
    let proxy = bench.peer_for_all([Step::Expect, Step::Echo, Step::Again]);
    let session = bench.session_with(through(&proxy));
    assert_eq!(fetch(&session, proxy.get("/1")).await.unwrap().text(), proxy.url("/1"));
    let straight = proxy.get("/2").configure(Config::no_proxy);
    assert_eq!(fetch(&session, straight).await.unwrap().text(), "/2");
    assert_eq!(proxy.log.requests_by_connection(), [1, 1]);
});

behaviour!(credentials_of_the_proxy_go_to_the_proxy, |bench| {
    let proxy = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let config = Config::new().proxy(&format!("http://user:p%40ss@{}", proxy.address));
    let session = bench.session_with(config);
    fetch(&session, Request::get("http://a.test/")).await.unwrap();
    let own = Request::get("http://a.test/").header("Proxy-Authorization", "Bearer own");
    fetch(&session, own).await.unwrap();
    let sent = proxy.log.requests();
    assert_eq!(sent[0].header("Proxy-Authorization"), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(sent[1].header("Proxy-Authorization"), Some("Bearer own"));
    assert_eq!(sent[1].head.matches("uthorization").count(), 1);
});

behaviour!(nobody_but_a_proxy_gets_a_proxy_authorization, |bench| {
    let straight = bench.peer([Step::Expect, ok("")]);
    let behind_socks = bench.peer(socks([Step::Expect, ok("")]));
    let own = |request: Request| request.header("Proxy-Authorization", "Bearer own");
    fetch(&bench.session(), own(straight.get("/"))).await.unwrap();
    let config = Config::new().proxy(&format!("socks5h://{}", behind_socks.address));
    fetch(&bench.session_with(config), own(Request::get("http://a.test/"))).await.unwrap();
    for peer in [straight, behind_socks] {
        assert_eq!(peer.log.requests()[0].header("Proxy-Authorization"), None);
    }
});

behaviour!(a_redirect_that_leaves_the_proxy_leaves_its_credentials_there, |bench| {
    let origin = bench.peer([Step::Expect, ok("straight")]);
    let location = format!("Location: http://localhost:{}/\r\n", origin.address.port());
    let proxy = bench.peer([Step::Expect, response("302 Found", &location, "")]);
    let url = format!("http://user:pass@{}", proxy.address);
    let proxies: Proxies = [("http", url.as_str()), ("no_proxy", "localhost")].into_iter().collect();
    let session = bench.session_with(Config::new().proxies(proxies));
    let request = Request::get("http://a.test/").header("Proxy-Authorization", "Bearer own");
    assert_eq!(fetch(&session, request).await.unwrap().text(), "straight");
    assert_eq!(proxy.log.requests()[0].header("Proxy-Authorization"), Some("Bearer own"));
    assert!(!origin.log.requests()[0].head.contains("Proxy-Authorization"));
    assert_eq!(origin.lines(), ["GET /"]);
});

behaviour!(a_redirect_to_another_proxy_takes_no_field_of_the_caller_along, |bench| {
    let second = bench.peer([Step::Expect, ok("")]);
    let moved = response("302 Found", "Location: http://b.test/\r\n", "");
    let first = bench.peer([Step::Expect, moved]);
    let (one, other) = (first.url(""), second.url(""));
    let proxies: Proxies = [("http://a.test", one.as_str()), ("all", other.as_str())].into_iter().collect();
    let session = bench.session_with(Config::new().proxies(proxies));
    let request = Request::get("http://a.test/").header("Proxy-Authorization", "Bearer own");
    fetch(&session, request).await.unwrap();
    assert_eq!(second.log.requests()[0].header("Proxy-Authorization"), None);
});

behaviour!(a_redirect_through_the_same_proxy_shows_it_the_same_credentials, |bench| {
    let moved = response("302 Found", "Location: http://b.test/\r\n", "");
    let proxy = bench.peer([Step::Expect, moved, Step::Expect, ok("")]);
    let request = Request::get("http://a.test/").header("Proxy-Authorization", "Bearer own");
    fetch(&bench.session_with(through(&proxy)), request).await.unwrap();
    assert_eq!(proxy.log.requests()[1].header("Proxy-Authorization"), Some("Bearer own"));
});

behaviour!(a_request_has_the_last_word_on_its_proxy, |bench| {
    let client = bench.peer_for_all([Step::Expect, ok("client's"), Step::Again]);
    let own = bench.peer([Step::Expect, ok("own")]);
    let session = bench.session_with(through(&client));
    let get = || Request::get("http://a.test/");
    assert_eq!(fetch(&session, get()).await.unwrap().text(), "client's");
    let url = own.url("");
    assert_eq!(fetch(&session, get().configure(|config| config.proxy(&url))).await.unwrap().text(), "own");
    let other_knob = get().configure(|config| config.decompress(false));
    assert_eq!(fetch(&session, other_knob).await.unwrap().text(), "client's");
});

behaviour!(headers_for_the_proxy_are_told_to_it, |bench| {
    let proxy = bench.peers([
        vec![Step::Expect, ok("")],
        vec![Step::ExpectHead, Step::send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")],
    ]);
    let session = bench.session_with(through(&proxy).proxy_headers(fields("X-Proxy", "1")).user_agent("me"));
    fetch(&session, Request::get("http://a.test/")).await.unwrap();
    failure(&session, Request::get("https://[::1]:8443/path")).await;
    let told = proxy.log.requests();
    assert_eq!((told[0].header("X-Proxy"), told[1].header("X-Proxy")), (Some("1"), Some("1")));
    let head = "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\nUser-Agent: me\r\nX-Proxy: 1\r\n\r\n";
    assert_eq!(told[1].head, head);
});

behaviour!(a_proxy_that_makes_no_sense_is_refused_before_anything_is_sent, |bench| {
    let peer = bench.peer([]);
    for text in ["gopher://user:hush@127.0.0.1:1", "http://", "http://127.0.0.1:x", "socks5://us\r\ner@:1"] {
        let error = entreat::Client::with_config(Config::new().proxy(text)).unwrap_err();
        assert!(error.kind() == Kind::InvalidConfig && !error.to_string().contains("hush"), "{error}");
        refused(bench, &peer, peer.get("/").configure(|config| config.proxy(text)), Kind::InvalidConfig)
            .await;
    }
    let long = format!("socks5h://{}:p@{}", "u".repeat(256), peer.address);
    refused(
        bench,
        &peer,
        Request::get("http://a.test/").configure(|config| config.proxy(&long)),
        Kind::InvalidConfig,
    )
    .await;
    let v4 = format!("socks4://{}", peer.address);
    refused(
        bench,
        &peer,
        Request::get("http://[::1]:1/").configure(|config| config.proxy(&v4)),
        Kind::InvalidConfig,
    )
    .await;
});

behaviour!(a_proxy_that_is_not_there_is_named, |bench| {
    let proxy = bench.peer([]);
    let session = bench.session_with(Config::new().proxy("http://user:hush@127.0.0.1:1"));
    for request in [Request::get("http://a.test/"), proxy.https("/")] {
        let error = failure(&session, request).await;
        assert_eq!((error.kind(), error.proxy()), (Kind::Connect, Some("http://127.0.0.1:1")));
        assert!(
            error.to_string().contains("http://127.0.0.1:1") && !error.to_string().contains("hush"),
            "{error}"
        );
    }
});

behaviour!(a_refused_tunnel_is_an_error_with_the_proxys_answer, |bench| {
    let head = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
    for (rest, body) in [
        ("Content-Length: 4\r\n\r\nwhy?", "why?"),
        ("Connection: close\r\n\r\nwhy?", "why?"),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\nwhy?\r\n0\r\n\r\n", "why?"),
        ("Content-Length: 9\r\n\r\nwhy", "why"),
    ] {
        let proxy = bench.peer([Step::ExpectHead, Step::send(head), Step::send(rest)]);
        let error = failure(&bench.session_with(through(&proxy)), proxy.https("/")).await;
        assert_eq!((error.kind(), error.status()), (Kind::Proxy, Some(407)), "{error}");
        let answer = error.answer().unwrap();
        assert_eq!((answer.body.as_slice(), error.proxy()), (body.as_bytes(), Some(proxy.url("").as_str())));
        assert_eq!(answer.head.headers.get_str("Proxy-Authenticate"), Some("Basic realm=\"x\""));
        assert!(error.is_connect() && error.hint_text().unwrap().contains("password"), "{error}");
    }
});

behaviour!(a_refusal_whose_body_stalls_does_not_become_a_time_out, |bench| {
    let refusal = Step::send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nhal");
    let proxy = bench.peer([Step::ExpectHead, refusal, Step::Hold]);
    let start = bench.now();
    let error = failure(&bench.session_with(through(&proxy)), proxy.https("/")).await;
    assert_eq!((error.kind(), error.answer().unwrap().body.as_slice()), (Kind::Proxy, &b"hal"[..]));
    bench.assert_took(start, Duration::from_millis(250));
});

behaviour!(a_407_to_a_forwarded_request_is_its_answer, |bench| {
    let proxy = bench.peer([Step::Expect, response("407 No", "", "why")]);
    let answer = fetch(&bench.session_with(through(&proxy)), Request::get("http://a.test/")).await.unwrap();
    assert_eq!((answer.status, answer.text()), (407, "why"));
});

behaviour!(nonsense_in_place_of_a_tunnel_is_the_proxys_failure, |bench| {
    for (answer, kind) in [
        ("", Kind::Proxy),
        ("HTTP/1.1 2", Kind::Proxy),
        ("SSH-2.0-OpenSSH\r\n", Kind::Proxy),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Kind::Proxy),
        (&"HTTP/1.1 100 Continue\r\n\r\n".repeat(70), Kind::Proxy),
        (&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300_000)), Kind::HeadTooLarge),
    ] {
        let proxy = bench.peer([Step::ExpectHead, Step::send(answer)]);
        let error = failure(&bench.session_with(through(&proxy)), proxy.https("/")).await;
        assert_eq!((error.kind(), error.proxy().is_some()), (kind, true), "{error}");
    }
    let proxy = bench.peer([Step::ExpectHead, Step::Reset]);
    assert_eq!(failure(&bench.session_with(through(&proxy)), proxy.https("/")).await.kind(), Kind::Proxy);
});

behaviour!(what_comes_behind_the_answer_belongs_to_the_tunnel, |bench| {
    let answer = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthis is no TLS");
    let proxy = bench.peer([Step::ExpectHead, answer, Step::Hold]);
    let error = failure(&bench.session_with(through(&proxy)), proxy.https("/")).await;
    // It is the origin that said so, through the tunnel.
    assert_eq!((error.kind(), error.proxy()), (Kind::Tls, None), "{error}");
});

behaviour!(a_proxy_that_stalls_meets_the_connect_time_out, |bench| {
    let drip = Step::Drip(b"HTTP/1.1 200 OK\r\nX: and so on".to_vec(), Duration::from_millis(20));
    let method = [Step::ExpectBytes(3), Step::send(NO_AUTHENTICATION), Step::Hold];
    for (scheme, script) in [
        ("http", vec![Step::Hold]),
        ("http", vec![Step::ExpectHead, Step::send("HTTP/1.1 200 OK\r\n"), Step::Hold]),
        ("http", vec![drip, Step::Hold]),
        ("https", vec![Step::Hold]),
        ("socks4a", vec![Step::Hold]),
        ("socks5h", vec![Step::Hold]),
        ("socks5h", method.to_vec()),
        (
            "socks5h",
            vec![
                Step::ExpectBytes(3),
                Step::send(NO_AUTHENTICATION),
                NAME_QUESTION,
                Step::send([5]),
                Step::Hold,
            ],
        ),
    ] {
        for timeout in [
            Timeout { connect: Some(SHORT), ..Timeout::NONE },
            Timeout { total: Some(SHORT), ..Timeout::NONE },
        ] {
            let proxy = bench.peer(script.clone());
            let session = bench.session_with(by(scheme, &proxy).timeout(timeout));
            let start = bench.now();
            let error = failure(&session, Request::get("https://a.test/")).await;
            let kind = timeout.connect.map_or(Kind::TotalTimeout, |_| Kind::ConnectTimeout);
            assert_eq!((error.kind(), error.proxy().is_some()), (kind, true), "{scheme} {script:?}");
            bench.assert_took(start, SHORT);
        }
    }
});

behaviour!(socks_5_carries_a_request_and_looks_the_name_up_over_there, |bench| {
    let proxy = bench.peer(socks([Step::Expect, ok("one"), Step::Expect, ok("two")]));
    let session = bench.session_with(by("socks5h", &proxy));
    for text in ["one", "two"] {
        assert_eq!(fetch(&session, Request::get("http://a.test/path")).await.unwrap().text(), text);
    }
    assert_eq!(proxy.log.bytes(0)[..16], *b"\x05\x01\x00\x05\x01\x00\x03\x06a.test\x00\x50");
    assert_eq!(proxy.lines(), ["GET /path", "GET /path"]);
});

behaviour!(socks_5_shows_user_and_password, |bench| {
    let script = [
        Step::ExpectBytes(4),
        Step::send([5, 2]),
        Step::ExpectBytes(3 + 4 + 4),
        Step::send([1, 0]),
        NAME_QUESTION,
        Step::send(CONNECTED),
        Step::Expect,
        ok("through"),
    ];
    let proxy = bench.peer(script);
    let session = bench.session_with(Config::new().proxy(&format!("socks5h://user:pass@{}", proxy.address)));
    assert_eq!(fetch(&session, Request::get("http://a.test/")).await.unwrap().text(), "through");
    assert_eq!(proxy.log.bytes(0)[4..15], *b"\x01\x04user\x04pass");
});

behaviour!(socks_4_and_5_look_the_name_up_here, |bench| {
    let question = Step::ExpectBytes(10);
    let five = vec![
        Step::ExpectBytes(3),
        Step::send(NO_AUTHENTICATION),
        question,
        Step::send(CONNECTED),
        Step::Expect,
        ok("5"),
    ];
    let four = vec![Step::ExpectBytes(9), Step::send([0, 90, 0, 0, 0, 0, 0, 0]), Step::Expect, ok("4")];
    for (scheme, script, address_at) in [("socks5", five, 7), ("socks4", four, 4)] {
        let proxy = bench.peer_for_all(script);
        let session = bench.session_with(by(scheme, &proxy));
        assert_eq!(
            fetch(&session, Request::get("http://127.0.0.1:81/")).await.unwrap().status,
            200,
            "{scheme}"
        );
        assert_eq!(proxy.log.bytes(0)[address_at..address_at + 4], [127, 0, 0, 1], "{scheme}");
        let error = failure(&bench.session_with(by(scheme, &proxy)), Request::get("http://a.test/")).await;
        assert_eq!((error.kind(), error.proxy()), (Kind::Resolve, None), "{error}");
    }
});

behaviour!(socks_4a_looks_the_name_up_over_there, |bench| {
    let granted = Step::send([0, 90, 0, 0, 0, 0, 0, 0]);
    let proxy = bench.peer([Step::ExpectBytes(16), granted, Step::Expect, ok("through")]);
    assert_eq!(
        fetch(&bench.session_with(by("socks4a", &proxy)), Request::get("http://a.test/"))
            .await
            .unwrap()
            .text(),
        "through"
    );
});

behaviour!(socks_replies_may_come_byte_by_byte, |bench| {
    let drip = |bytes: &[u8]| Step::Drip(bytes.to_vec(), Duration::from_millis(1));
    let script = [
        Step::ExpectBytes(3),
        drip(NO_AUTHENTICATION),
        NAME_QUESTION,
        drip(CONNECTED),
        Step::Expect,
        ok("through"),
    ];
    let proxy = bench.peer(script);
    let session = bench.session_with(by("socks5h", &proxy));
    assert_eq!(fetch(&session, Request::get("http://a.test/")).await.unwrap().text(), "through");
});

behaviour!(what_a_socks_proxy_refuses_says_why, |bench| {
    for (code, word) in
        [(2, "rules"), (4, "host cannot be reached"), (5, "refused the connection"), (77, "77")]
    {
        let script = [
            Step::ExpectBytes(3),
            Step::send(NO_AUTHENTICATION),
            NAME_QUESTION,
            Step::send([5, code]),
            Step::Hold,
        ];
        let proxy = bench.peer(script);
        let error = failure(&bench.session_with(by("socks5h", &proxy)), Request::get("http://a.test/")).await;
        assert_eq!((error.kind(), error.is_connect()), (Kind::Proxy, true));
        assert!(error.to_string().contains(word) && error.proxy().is_some(), "{error}");
    }
    let proxy = bench.peer([Step::ExpectBytes(3), Step::send([5, 255])]);
    let error = failure(&bench.session_with(by("socks5h", &proxy)), Request::get("http://a.test/")).await;
    assert!(error.kind() == Kind::Proxy && error.hint_text().unwrap().contains("password"), "{error}");
});

behaviour!(nonsense_from_a_socks_proxy_is_its_failure, |bench| {
    for script in [
        vec![],
        vec![Step::ExpectBytes(3), Step::send("HTTP/1.1 400 Bad Request\r\n\r\n")],
        vec![Step::ExpectBytes(3), Step::send([5])],
        vec![Step::ExpectBytes(3), Step::Reset],
        vec![Step::ExpectBytes(3), Step::send(NO_AUTHENTICATION), NAME_QUESTION, Step::send([5, 0, 0, 9, 0])],
        vec![Step::ExpectBytes(3), Step::send(NO_AUTHENTICATION), NAME_QUESTION, Step::send([5, 0, 0, 1])],
    ] {
        let proxy = bench.peer(script);
        let error = failure(&bench.session_with(by("socks5h", &proxy)), Request::get("http://a.test/")).await;
        assert_eq!((error.kind(), error.proxy().is_some()), (Kind::Proxy, true), "{error}");
    }
});

behaviour!(a_connection_through_one_proxy_serves_no_request_through_another, |bench| {
    let first = bench.peer(socks([Step::Expect, ok("first"), Step::Hold]));
    let second = bench.peer(socks([Step::Expect, ok("second")]));
    let session = bench.session_with(by("socks5h", &first));
    let get = || Request::get("http://a.test/");
    assert_eq!(fetch(&session, get()).await.unwrap().text(), "first");
    let other = by("socks5h", &second);
    let request = get().configure(|config| config.or(&other));
    assert_eq!(fetch(&session, request).await.unwrap().text(), "second");
});

behaviour!(a_stale_connection_through_a_proxy_is_replayed, |bench| {
    let stale = socks([Step::Expect, ok("first"), Step::Expect]);
    let proxy = bench.peers([stale, socks([Step::Expect, ok("second")])]);
    let session = bench.session_with(by("socks5h", &proxy));
    fetch(&session, Request::get("http://a.test/1")).await.unwrap();
    assert_eq!(fetch(&session, Request::get("http://a.test/2")).await.unwrap().text(), "second");
});

behaviour!(a_proxy_is_not_asked_for_what_the_guard_refuses, |bench| {
    let proxy = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let guarded = |config: Config| config.guard(Guard::Public);
    let session = bench.session_with(guarded(through(&proxy)));
    fetch(&session, Request::get("http://a.test/")).await.unwrap();
    for url in ["http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/"] {
        assert_eq!(failure(&session, Request::get(url)).await.kind(), Kind::BlockedAddress, "{url}");
    }
    assert_eq!(proxy.lines(), ["GET http://a.test/"]);
    let session = bench.session_with(guarded(by("socks5", &proxy)).resolve_to("a.test", "127.0.0.1"));
    assert_eq!(failure(&session, Request::get("http://a.test/")).await.kind(), Kind::BlockedAddress);
});

behaviour!(a_host_that_a_socks_proxy_cannot_reach_is_tried_at_its_next_address, |bench| {
    let five = |reply: &[u8]| {
        vec![Step::ExpectBytes(3), Step::send(NO_AUTHENTICATION), Step::ExpectBytes(10), Step::send(reply)]
    };
    let works = five(CONNECTED).into_iter().chain([Step::Expect, ok("second")]).collect();
    let proxy = bench.peers([five(&[5, 5]), works]);
    let session = bench.session_with(by("socks5", &proxy).resolve_to("a.test", "127.0.0.1,127.0.0.2"));
    assert_eq!(fetch(&session, Request::get("http://a.test/")).await.unwrap().text(), "second");
});

#[test]
fn the_wait_for_a_proxys_reasons_can_be_interrupted() {
    let bench = BlockingBench::default();
    let refusal = Step::send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nhal");
    let proxy = bench.peer([Step::ExpectHead, refusal, Step::Hold]);
    let net = entreat::net::blocking::Blocking { interrupt: Some(|| true) };
    let session = entreat::session::Session::new(net, through(&proxy)).unwrap();
    let request = Request::get("https://a.test/");
    let error = entreat::net::blocking::block(session.deliver(request)).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
}
