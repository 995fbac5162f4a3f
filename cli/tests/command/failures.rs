//! What it says when something is wrong: one line, perhaps a hint, and who can mend it as the exit status.

use crate::support::{at, command, failure, file, one_answer, origin};

/// The command fails with this exit status and a line that begins and goes on like this.
#[track_caller]
fn fails(arguments: &[&str], status: i32, part: &str) {
    let (code, text) = failure(arguments);
    assert_eq!(code, status, "{arguments:?}: {text}");
    assert!(text.starts_with("entreat: ") && text.contains(part), "{arguments:?}: {text}");
    assert!(text.lines().count() <= 2 && !text.contains("panicked"), "{arguments:?}: {text}");
}

#[test]
fn mistakes_of_the_caller_are_1() {
    let url = at("/get");
    fails(&[], 1, "a URL is missing");
    fails(&[&url, "--folow"], 1, "did you mean");
    fails(&[&url, "--frobnicate"], 1, "--help");
    fails(&[&url, "plain"], 1, "not a request item");
    fails(&[&url, "a:={"], 1, "not JSON");
    fails(&[&url, "a@b"], 1, "add --form");
    fails(&[&url, "-u", "john"], 1, "USER:PASSWORD");
    fails(&[&url, "Host:"], 1, "cannot be left out");
    fails(&["http://exa mple/"], 1, "invalid URL");
    fails(&["http://a:99999/"], 1, "invalid URL");
    fails(&["ftp://a/"], 1, "not supported");
    fails(&[&url, "X:a\nb"], 1, "invalid header");
    fails(&["G\u{e4}T", &url], 1, "invalid method");
    fails(&[&url, "--pinnedpubkey", "md5/AAAA"], 1, "pin");
    fails(&[&url, "--tlsv1.3", "--tls-max", "1.2"], 1, "min_version");
    for timeout in ["0", "-1", "nan", "soon"] {
        fails(&[&url, "--timeout", timeout], 1, "time");
    }
}

#[test]
fn unreadable_and_unwritable_files_are_1() {
    let url = at("/post");
    fails(&[&url, "@/nonexistent"], 1, "/nonexistent");
    fails(&[&url, "a=@/nonexistent"], 1, "/nonexistent");
    fails(&["-f", &url, "a@/nonexistent"], 1, "/nonexistent");
    fails(&[&url, "-d", "@/"], 1, "directory");
    fails(&[&url, "-d", "@"], 1, "path");
    fails(&[&url, "-o", "/nonexistent/file"], 1, "/nonexistent/file");
    fails(&["--cacert", "/nonexistent", &origin().https_url("/get")], 1, "/nonexistent");
    fails(&["--crlfile", "/nonexistent", &origin().https_url("/get")], 1, "/nonexistent");
    fails(&["-k", "--cert", "/nonexistent", &origin().https_url("/get")], 1, "/nonexistent");
    let binary = file("binary", &[0xff, 0xfe]);
    fails(&[&url, &format!("a=@{binary}")], 1, "UTF-8");
}

#[test]
fn no_connection_is_2() {
    fails(&["http://127.0.0.1:1/"], 2, "could not connect");
    fails(&["http://name.invalid/"], 2, "name.invalid");
}

#[test]
fn a_server_that_cannot_be_trusted_is_3() {
    let (code, text) = failure(&[&origin().https_url("/get")]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("certificate"), "{text}");
}

#[test]
fn a_server_that_breaks_the_protocol_is_3() {
    for (sent, part) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], "malformed response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"),
        (b"", "without a response"),
    ] {
        fails(&[&one_answer(sent)], 3, part);
    }
}

#[test]
fn limits_are_6() {
    fails(&["--timeout", "0.2", &at("/delay/5")], 6, "--timeout");
    fails(&[&at("/redirect/30")], 6, "--no-follow");
}

#[test]
fn what_came_before_the_failure_is_printed() {
    let url = one_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let output = command(&[&url]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(3), b"half".to_vec()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&[&at("/get")]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("entreat: standard output: "));
}

#[test]
fn a_key_is_opened_by_its_passphrase() {
    let url = origin().https_url("/get");
    let store = entreat_testkit::matrix::fixture("client.p12");
    let line = ["-k", "--cert", store.to_str().expect("a path in UTF-8"), &url];
    fails(&line, 1, "no passphrase was given");
    fails(&[&line[..], &["--pass", "wrong"]].concat(), 1, "passphrase is wrong");
    let in_the_environment = command(&line).env("ENTREAT_PASS", "open sesame").status();
    assert!(in_the_environment.expect("the command starts").success());
}

#[test]
fn trust_that_the_environment_names_in_vain_is_not_replaced_by_another() {
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let output = command(&[&origin().https_url("/get")]).env(variable, "/no/such/place").output();
        let output = output.expect("the command starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(variable), "{said}");
    }
}

#[test]
fn the_keys_of_tls_are_logged_where_the_environment_asks_for_it() {
    let log = std::env::temp_dir().join(format!("entreat-keys-{}", std::process::id()));
    let status = command(&["-k", &origin().https_url("/get")]).env("SSLKEYLOGFILE", &log).status();
    assert!(status.expect("the command starts").success());
    let lines = std::fs::read_to_string(&log).expect("the log is there");
    assert!(lines.contains("CLIENT_TRAFFIC_SECRET_0 "), "{lines}");
    std::fs::remove_file(&log).expect("nobody else removes it");
}
