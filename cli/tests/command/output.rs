//! What comes back, in a pipe or a file.

use crate::support::{at, command, file, origin, printed};
use std::io::Read;
use std::process::Stdio;

#[test]
fn a_pipe_gets_the_body_alone_byte_for_byte() {
    let output = command(&[&at("/image/png")]).output().unwrap();
    assert!(output.stdout.starts_with(b"\x89PNG\r\n"));
    assert!(printed(&[&at("/get")]).starts_with("{\"args\":{}"));
}

#[test]
fn coded_bodies_are_decoded() {
    assert!(printed(&[&at("/gzip")]).contains("\"gzipped\":true"));
}

#[test]
fn include_prints_the_head_first() {
    let text = printed(&["-i", &at("/status/418")]);
    assert!(text.starts_with("HTTP/1.1 418 I'M A TEAPOT\n"), "{text}");
    assert!(text.contains("\n\n"), "{text}");
}

#[test]
fn the_answer_to_head_is_its_head() {
    assert!(printed(&["HEAD", &at("/get")]).starts_with("HTTP/1.1 200 OK\n"));
}

#[test]
fn verbose_prints_the_request_as_it_goes_out() {
    let text = printed(&["-v", "-f", &at("/testkit/echo-raw"), "name=John", "X-One:1"]);
    let (shown, sent) = (text.split("\n\n").next().unwrap(), text.rsplit("\n\nPOST ").next().unwrap());
    let sent = format!("POST {}", sent.split("\r\n\r\n").next().unwrap());
    assert_eq!(shown.lines().collect::<Vec<_>>(), sent.lines().collect::<Vec<_>>());
    assert!(text.contains("\n\nname=John\n\nHTTP/1.1 200"), "{text}");
}

#[test]
fn verbose_prints_each_redirect() {
    let text = printed(&["-v", &at("/relative-redirect/2")]);
    assert!(text.contains(&format!("HTTP/1.1 302 from {}\n", at("/relative-redirect/2"))), "{text}");
    assert_eq!(text.matches("\nHTTP/1.1 ").count(), 3, "{text}");
}

#[test]
fn redirects_are_followed_unless_they_are_what_is_wanted() {
    assert!(printed(&[&at("/redirect/1")]).contains("/get"));
    assert!(printed(&["-i", "--no-follow", &at("/redirect/1")]).starts_with("HTTP/1.1 302 FOUND\n"));
}

#[test]
fn output_goes_to_a_file_and_only_once_there_is_an_answer() {
    let path = file("body", b"before");
    let refused = command(&["-o", &path, "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(printed(&["-o", &path, &at("/bytes/300000?seed=1")]), "");
    assert_eq!(std::fs::read(&path).unwrap().len(), 100 * 1024, "httpbin sends no more than that");
}

#[test]
fn the_exit_status_tells_of_the_answer_where_it_is_asked() {
    for (status, code) in [("200", 0), ("304", 0), ("404", 4), ("503", 5)] {
        let url = at(&format!("/status/{status}"));
        let exit = |arguments: &[&str]| command(arguments).output().unwrap().status.code();
        assert_eq!(exit(&["--check-status", &url]), Some(code), "{status}");
        assert_eq!(exit(&[&url]), Some(0), "{status}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = command(&[&at("/testkit/large/50000000")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn help_and_version_go_to_standard_output() {
    assert!(printed(&["--help"]).contains("name:=json"));
    assert_eq!(printed(&["--version"]), format!("entreat {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn certificates_are_checked_by_the_authority_that_is_given() {
    let authority = file("ca.pem", origin().ca_pem.as_bytes());
    let url = origin().https_url("/get");
    assert!(printed(&["--cacert", &authority, &url]).contains("https://"));
    assert!(printed(&["--insecure", &url]).contains("https://"));
}
