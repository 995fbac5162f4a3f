//! Which way requests go: by arguments, else by the environment. `a.test` exists nowhere, so that an answer from there
//! came by the proxy.

use crate::support::{command, error_of, failure, one_answer, printed};

fn proxy() -> String {
    one_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied")
}

/// What a request to `a.test` prints, with a variable set.
fn printed_with(variable: (&str, &str), arguments: &[&str]) -> String {
    let output = command(arguments).env(variable.0, variable.1).output().expect("the command starts");
    assert_eq!(error_of(&output), (0, String::new()));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn an_argument_names_the_proxy() {
    assert_eq!(printed(&["--proxy", &proxy(), "http://a.test/"]), "proxied");
    assert_eq!(printed(&["--proxy", &format!("http:{}", proxy()), "a.test"]), "proxied");
    let (status, why) = failure(&["--proxy", "https:http://127.0.0.1:1", "http://a.test/"]);
    assert!(status == 2 && why.contains("resolved"), "{why}");
}

#[test]
fn the_environment_names_it_in_either_case() {
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        assert_eq!(printed_with((variable, &proxy()), &["http://a.test/"]), "proxied", "{variable}");
    }
}

#[test]
fn an_argument_goes_before_the_environment() {
    let dead = ("HTTP_PROXY", "http://127.0.0.1:1");
    assert_eq!(printed_with(dead, &["--proxy", &proxy(), "http://a.test/"]), "proxied");
    assert_eq!(printed_with(dead, &["--no-proxy", &proxy()]), "proxied");
}

#[test]
fn a_proxy_that_fails_is_named_with_what_to_try() {
    let output = command(&["http://a.test/"]).env("HTTP_PROXY", "http://user:hush@127.0.0.1:1").output();
    let (status, why) = error_of(&output.expect("the command starts"));
    assert_eq!(status, 2);
    assert!(why.contains("http://127.0.0.1:1") && why.contains("--no-proxy"), "{why}");
    assert!(!why.contains("hush"), "{why}");
    let (status, why) = failure(&["--proxy", "gopher://127.0.0.1:1", "http://a.test/"]);
    assert!(status == 1 && why.contains("socks5h"), "{why}");
}
