//! Credentials over the requests of one journey (RFC 9110 section 11); each scheme is proved in core.

use crate::support::*;
use entreat::net::scripted::{ReceivedRequest, Step};
use entreat::{
    Asked, Auth, Body, Config, Flow, Headers, Kind, Reply, Request, ResponseHead, Result, Rounds, SigV4,
};
use std::io::Cursor;
use std::task::{Context, Poll};

fn sent(request: &ReceivedRequest) -> Option<&str> {
    request.header("Authorization")
}

fn all_sent(peer: &Peer) -> Vec<Option<String>> {
    peer.log.requests().iter().map(|request| sent(request).map(str::to_owned)).collect()
}

fn challenge(value: &str) -> Step {
    response("401 Unauthorized", &format!("WWW-Authenticate: {value}\r\n"), "no")
}

fn digest(nonce: &str, more: &str) -> Step {
    challenge(&format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}"))
}

fn redirect(location: &str) -> Step {
    response("302 Found", &format!("Location: {location}\r\n"), "")
}

/// A parameter of the answer to a challenge, without quotes.
fn parameter<'a>(request: &'a ReceivedRequest, name: &str) -> Option<&'a str> {
    let start = format!("{name}=");
    let found =
        sent(request)?.strip_prefix("Digest ")?.split(", ").find_map(|part| part.strip_prefix(&start));
    found.map(|value| value.trim_matches('"'))
}

behaviour!(a_client_sends_its_credentials_at_once, |bench| {
    for (auth, value) in [
        (Auth::basic("us", "\u{e9}"), "Basic dXM6w6k="),
        (Auth::basic_latin1("us", "\u{e9}"), "Basic dXM66Q=="),
        (Auth::bearer("token"), "Bearer token"),
    ] {
        let peer = bench.peer([Step::Expect, ok("")]);
        fetch(&bench.session_with(Config::new().auth(auth)), peer.get("/")).await.unwrap();
        assert_eq!(sent(&peer.log.requests()[0]), Some(value));
    }
});

behaviour!(a_requests_credentials_go_before_its_own_field, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let request = peer.get("/").header("Authorization", "Header").auth(Auth::bearer("own"));
    fetch(&bench.session(), request).await.unwrap();
    assert_eq!(sent(&peer.log.requests()[0]), Some("Bearer own"));
});

behaviour!(credentials_of_a_client_follow_no_redirect_to_another_origin, |bench| {
    for auth in [Auth::basic("a", "b"), Auth::bearer("x"), Auth::sigv4(SigV4::new("i", "s", "r", "x"))] {
        let other = bench.peer([Step::Expect, ok("")]);
        let peer = bench.peer([Step::Expect, redirect("/same"), Step::Expect, redirect(&other.url("/"))]);
        fetch(&bench.session_with(Config::new().auth(auth)), peer.get("/")).await.unwrap();
        assert!(all_sent(&peer).iter().all(Option::is_some));
        assert_eq!(sent(&other.log.requests()[0]), None);
        assert_eq!(other.log.requests()[0].header("X-Amz-Date"), None);
    }
});

behaviour!(a_server_that_forgot_its_nonce_is_answered_anew, |bench| {
    let peer = bench.peer([
        Step::Expect,
        digest("a", ""),
        Step::Expect,
        ok(""),
        Step::Expect,
        digest("b", ""),
        Step::Expect,
        ok("in"),
    ]);
    let session = bench.session_with(Config::new().auth(Auth::digest("u", "p")));
    fetch(&session, peer.get("/")).await.unwrap();
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "in");
});

behaviour!(a_server_that_finds_every_nonce_stale_does_not_keep_the_client, |bench| {
    let peer = bench.peer_for_all([Step::Expect, digest("a", ", stale=true"), Step::Again]);
    let answer = fetch(&bench.session(), peer.get("/").auth(Auth::digest("u", "p"))).await.unwrap();
    assert_eq!((answer.status, peer.log.requests().len()), (401, 11));
});

behaviour!(a_body_that_is_gone_cannot_answer_a_challenge_and_says_so, |bench| {
    let peer = bench.peer([Step::Expect, digest("a", ""), Step::Hold]);
    let body = Body::reader(Cursor::new("once"));
    let error = failure(&bench.session(), peer.post("/").body(body).auth(Auth::digest("u", "hush"))).await;
    assert_eq!(error.kind(), Kind::UnrewindableBody);
    assert!(error.hint_text().unwrap().contains("credentials were asked for"), "{error}");
});

behaviour!(the_bodys_integrity_is_proved_where_the_server_insists, |bench| {
    let asks = || challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"");
    let file = tempfile("from a file");
    for (body, works) in [(Body::from("text"), true), (Body::path(file.path()).unwrap(), false)] {
        let peer = bench.peer([Step::Expect, asks(), Step::Expect, ok("")]);
        let request = peer.post("/").body(body).auth(Auth::digest("u", "p"));
        match fetch(&bench.session(), request).await {
            Ok(_) => assert!(works && parameter(&peer.log.requests()[1], "qop") == Some("auth-int")),
            Err(error) => assert!(!works && error.kind() == Kind::UnrewindableBody, "{error}"),
        }
    }
});

behaviour!(netrc_has_each_host_its_own_and_replaces_nothing, |bench| {
    let peer = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let file = tempfile("machine 127.0.0.1 login us password secret");
    let session = bench.session_with(Config::new().auth(Auth::netrc_file(file.path())));
    let by_name = format!("http://localhost:{}/", peer.address.port());
    let header = peer.get("/").header("Authorization", "Header");
    let own = header.clone().auth(Auth::netrc_file(file.path()));
    for request in [peer.get("/"), header, own, Request::get(by_name)] {
        fetch(&session, request).await.unwrap();
    }
    let values = all_sent(&peer);
    let expected = [Some("Basic dXM6c2VjcmV0"), Some("Header"), Some("Header"), None];
    assert_eq!(values.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
});

behaviour!(the_default_of_a_netrc_is_for_hosts_that_the_user_names, |bench| {
    let other = bench.peer([Step::Expect, ok("")]);
    let peer = bench.peer([Step::Expect, redirect(&format!("http://localhost:{}/", other.address.port()))]);
    let file = tempfile("default login us password secret");
    fetch(&bench.session(), peer.get("/").auth(Auth::netrc_file(file.path()))).await.unwrap();
    assert!(sent(&peer.log.requests()[0]).is_some());
    assert_eq!(sent(&other.log.requests()[0]), None);
});

behaviour!(a_netrc_that_cannot_be_read_is_named, |bench| {
    let broken = tempfile("machine a hush");
    for path in [broken.path(), "/nonexistent/netrc".as_ref()] {
        let peer = bench.peer([]);
        let request = peer.get("/").auth(Auth::netrc_file(path));
        let error = failure(&bench.session(), request).await;
        assert_eq!((error.kind(), peer.log.connections()), (Kind::InvalidConfig, 0));
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()) && !text.contains("hush"), "{text}");
    }
});

behaviour!(requests_are_signed_as_aws_asks, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let signer = SigV4::new("AKID", "hush", "eu-west-1", "s3").session_token("token");
    let request = Request::new("PUT", peer.url("/key")).body("text").auth(Auth::sigv4(signer));
    fetch(&bench.session(), request).await.unwrap();
    let sent = &peer.log.requests()[0];
    let names = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=";
    let value = sent.header("Authorization").unwrap();
    assert!(value.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") && value.contains(names), "{value}");
    assert_eq!(sent.header("X-Amz-Security-Token"), Some("token"));
});

/// Answers each question with what was asked, for as many rounds as the server likes.
struct Parrot;

struct ParrotRounds(u32);

impl Flow for Parrot {
    fn begin(&self) -> Box<dyn Rounds> {
        Box::new(ParrotRounds(0))
    }
}

impl Rounds for ParrotRounds {
    fn answer(&mut self, request: &Asked<'_>, question: Option<&ResponseHead>) -> Result<Reply> {
        assert!(request.headers.contains("Host"));
        let value = match question {
            None => "Parrot hello".to_owned(),
            Some(head) if head.status == 401 => {
                format!("Parrot {} {}", self.0, head.headers.get_str("WWW-Authenticate").unwrap())
            }
            Some(_) => return Ok(Reply::Pass),
        };
        self.0 += 1;
        let mut fields = Headers::new();
        fields.set("Authorization", value)?;
        Ok(Reply::Send(fields))
    }
}

/// The same, which has to be waited for.
struct SlowParrot;

struct SlowParrotRounds(ParrotRounds, bool);

impl Flow for SlowParrot {
    fn begin(&self) -> Box<dyn Rounds> {
        Box::new(SlowParrotRounds(ParrotRounds(0), false))
    }
}

impl Rounds for SlowParrotRounds {
    fn answer(&mut self, _: &Asked<'_>, _: Option<&ResponseHead>) -> Result<Reply> {
        panic!("it is polled")
    }

    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        request: &Asked<'_>,
        question: Option<&ResponseHead>,
    ) -> Poll<Result<Reply>> {
        self.1 = !self.1;
        if self.1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.0.answer(request, question))
    }
}

behaviour!(a_scheme_of_the_programs_own_may_have_to_wait, suspending, |bench| {
    let peer = bench.peer([Step::Expect, challenge("a"), Step::Expect, ok("in")]);
    let answer = fetch(&bench.session(), peer.get("/").auth(Auth::flow(SlowParrot))).await.unwrap();
    assert_eq!(answer.text(), "in");
    assert_eq!(all_sent(&peer).into_iter().flatten().collect::<Vec<_>>(), ["Parrot hello", "Parrot 1 a"]);
});

behaviour!(a_scheme_of_the_programs_own_takes_as_many_rounds_as_it_needs, |bench| {
    let peer =
        bench.peer([Step::Expect, challenge("a"), Step::Expect, challenge("b"), Step::Expect, ok("in")]);
    let answer = fetch(&bench.session(), peer.post("/").body("text").auth(Auth::flow(Parrot))).await.unwrap();
    assert_eq!(answer.text(), "in");
    let values: Vec<_> = all_sent(&peer).into_iter().flatten().collect();
    assert_eq!(values, ["Parrot hello", "Parrot 1 a", "Parrot 2 b"]);
    assert_eq!(peer.log.requests_by_connection(), [3]);
});

behaviour!(secrets_that_no_field_can_hold_are_refused_before_anything_is_sent, |bench| {
    let peer = bench.peer([]);
    refused(bench, &peer, peer.get("/").auth(Auth::bearer("hush\n")), Kind::InvalidHeader).await;
});

/// A client behind a proxy that knows a user.
fn behind(proxy: &Peer) -> Config {
    Config::new().proxy(&format!("http://us:secret@{}", proxy.address))
}

fn proxy_challenge(nonce: &str) -> Step {
    let field = format!("Proxy-Authenticate: Digest realm=\"p\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    response("407 Proxy Authentication Required", &field, "who?")
}

fn told(peer: &Peer, connection: usize) -> String {
    peer.log.requests()[connection].header("Proxy-Authorization").unwrap().to_owned()
}

behaviour!(a_proxy_that_forwards_gets_digest_where_it_asks_for_it, |bench| {
    let proxy =
        bench.peer([Step::Expect, proxy_challenge("n"), Step::Expect, ok("1"), Step::Expect, ok("2")]);
    let session = bench.session_with(behind(&proxy));
    for body in ["1", "2"] {
        let request = Request::post("http://a.test/path").body("text");
        assert_eq!(fetch(&session, request).await.unwrap().text(), body);
    }
    assert!(told(&proxy, 0).starts_with("Basic "));
    for (index, count) in [(1, "nc=00000001"), (2, "nc=00000002")] {
        let answer = told(&proxy, index);
        assert!(answer.contains("uri=\"http://a.test/path\"") && answer.contains(count), "{answer}");
        assert_eq!(proxy.log.requests()[index].head.matches("Proxy-Authorization").count(), 1);
    }
    assert_eq!(proxy.log.connections(), 1);
});

behaviour!(a_proxy_that_tunnels_gets_digest_where_it_asks_for_it, |bench| {
    let refuse = || vec![Step::Expect, proxy_challenge("n")];
    let broken = || vec![Step::Expect, Step::send("HTTP/1.1 200 OK\r\n\r\n"), Step::ExpectBytes(1)];
    let proxy = bench.peers([refuse(), broken(), refuse(), refuse()]);
    let session = bench.session_with(behind(&proxy));
    // Behind the tunnel nobody speaks TLS, so that these fail, but not for want of an answer.
    assert_ne!(failure(&session, Request::get("https://a.test/")).await.kind(), Kind::Proxy);
    let answer = told(&proxy, 1);
    assert!(answer.contains("uri=\"a.test:443\"") && answer.contains("nc=00000001"), "{answer}");
    // A proxy that refuses what it asked for is not asked for ever.
    let error = failure(&session, Request::get("https://a.test/")).await;
    assert_eq!((error.kind(), error.status(), proxy.log.connections()), (Kind::Proxy, Some(407), 4));
    assert!(!error.to_string().contains("secret"), "{error}");
});

behaviour!(a_407_of_an_origin_is_no_business_of_the_proxys, |bench| {
    let peer = bench.peer([Step::Expect, proxy_challenge("n")]);
    let session = bench.session_with(Config::new().no_proxy());
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().status, 407);
});
