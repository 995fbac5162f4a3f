//! The mock itself; what the client does over it is its own affair.

use super::*;
use crate::{Body, Client, Config, Kind, Request, RetryRules, Timeout};
use std::time::Duration;

fn client(mock: &Mock) -> Client {
    Client::with_transport(mock.clone(), Config::new()).unwrap()
}

#[test]
fn a_route_stands_for_a_method_and_a_url() {
    let mock = Mock::new();
    for url in ["/path", "http://a.test/whole", "/query?x=1", "http://a.test/below/*", "http://b.test"] {
        mock.on("GET", url).reply(url);
    }
    let client = client(&mock);
    let cases = [
        ("http://any.test/path?q", "/path"),
        ("http://a.test/whole", "http://a.test/whole"),
        ("http://a.test/query?x=1", "/query?x=1"),
        ("http://a.test/below/x/y?z", "http://a.test/below/*"),
        ("http://b.test/", "http://b.test"),
    ];
    for (url, route) in cases {
        assert_eq!(client.get(url).unwrap().text().unwrap(), route, "{url}");
    }
    for url in ["http://b.test/whole", "http://a.test/query?x=2", "http://a.test/path/", "https://b.test/"] {
        let error = client.get(url).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidConfig, "{url}");
        assert!(error.hint_text().unwrap().contains("GET /path"));
    }
    assert_eq!(client.send(Request::post("http://a.test/path")).unwrap_err().kind(), Kind::InvalidConfig);
}

#[test]
fn replies_come_in_order_and_the_last_one_stays() {
    let mock = Mock::new();
    let route = mock
        .on("*", "/")
        .reply("one")
        .reply(Reply::status(404))
        .reply_with(|sent| Reply::text(sent.header("X-Number").unwrap_or("none")));
    let client = client(&mock);
    let get = |number: &str| client.send(Request::get("http://a.test/").header("X-Number", number)).unwrap();
    assert_eq!((get("1").text().unwrap().as_str(), get("2").status()), ("one", 404));
    assert_eq!((get("3").text().unwrap().as_str(), get("4").text().unwrap().as_str()), ("3", "4"));
    assert_eq!((route.calls(), route.requests().len(), mock.requests().len()), (4, 4, 4));
}

#[test]
fn policies_run_over_a_mock() {
    let mock = Mock::new();
    mock.on("GET", "/")
        .reply(Reply::fail(Kind::Connect))
        .reply(Reply::status(302).header("Location", "https://b.test/next").header("Set-Cookie", "a=1"));
    mock.on("GET", "https://b.test/next").when(|sent| sent.header("Authorization").is_none()).reply("there");
    mock.on("GET", "/again").with_header("Cookie", "a=1").reply("known");
    let config = Config::new().retries(RetryRules::times(1)).proxy("http://proxy.invalid");
    let client = Client::with_transport(mock.clone(), config).unwrap();
    let answer = client.send(Request::get("http://a.test/").bearer_auth("secret")).unwrap();
    assert_eq!((answer.attempts(), answer.history().len()), (2, 1));
    assert_eq!(answer.text().unwrap(), "there");
    assert_eq!(client.get("http://a.test/again").unwrap().text().unwrap(), "known");
    mock.assert_all_used();
}

#[test]
fn a_body_is_cut_short_limited_and_left_out_as_over_a_network() {
    let mock = Mock::new();
    mock.on("GET", "/cut").reply(Reply::text("half").cut_short());
    mock.on("*", "/whole").reply("whole");
    let client = client(&mock);
    assert_eq!(client.get("http://a.test/cut").unwrap().text().unwrap_err().kind(), Kind::ClosedEarly);
    let limited = Request::get("http://a.test/whole").configure(|config| config.max_body(4));
    assert_eq!(client.send(limited).unwrap().text().unwrap_err().kind(), Kind::BodyTooLarge);
    let head = client.send(Request::head("http://a.test/whole")).unwrap();
    assert_eq!((head.header("Content-Length"), head.timings().connect), (Some("5"), None));
    assert_eq!(head.text().unwrap(), "");
    client.close();
    assert_eq!(client.get("http://a.test/whole").unwrap_err().kind(), Kind::Closed);
}

#[test]
fn a_delay_meets_the_time_outs() {
    let mock = Mock::new();
    mock.on("GET", "/").reply(Reply::text("late").delay(Duration::from_millis(30)));
    let client = client(&mock);
    let within = |total| {
        let limit = Timeout::total(Duration::from_millis(total));
        client.send(Request::get("http://a.test/").configure(|config| config.timeout(limit)))
    };
    assert_eq!(within(5).unwrap_err().kind(), Kind::TotalTimeout);
    let answer = within(5_000).unwrap();
    assert!(answer.timings().first_byte >= Duration::from_millis(30));
}

#[test]
fn what_was_not_used_is_named() {
    let mock = Mock::new();
    mock.on("GET", "/used").reply("x").times(1);
    mock.on("GET", "/used").reply("later");
    mock.on("PUT", "/unused");
    let client = client(&mock);
    assert_eq!(client.get("http://a.test/used").unwrap().text().unwrap(), "x");
    assert_eq!(client.get("http://a.test/used").unwrap().text().unwrap(), "later");
    let panic = std::panic::catch_unwind(|| mock.assert_all_used()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("PUT /unused: 0 of 1") && !text.contains("GET"), "{text}");
}

#[test]
fn a_reply_may_stream_up_to_its_own_end_or_the_announced_one() {
    let chunks = || Body::chunks(["one,", "", "two"]);
    let mock = Mock::new();
    mock.on("GET", "/open").reply(Reply::status(200).stream(chunks()));
    mock.on("GET", "/short").reply(Reply::status(200).header("Content-Length", "3").stream(chunks()));
    mock.on("GET", "/long").reply(Reply::status(200).header("Content-Length", "9").stream(chunks()));
    mock.on("GET", "/cut").reply(Reply::status(200).stream(chunks()).cut_short());
    let client = Client::with_transport(mock, Config::new()).unwrap();
    let fetch = |path: &str| client.get(format!("http://a.test{path}")).unwrap().text();
    assert_eq!((fetch("/open").unwrap(), fetch("/short").unwrap()), ("one,two".into(), "one".into()));
    for broken in ["/long", "/cut"] {
        assert_eq!(fetch(broken).unwrap_err().kind(), Kind::ClosedEarly);
    }
}
