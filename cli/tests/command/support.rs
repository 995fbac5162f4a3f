//! Runs the command, with nothing of the caller's environment that could change what it does.

use entreat_testkit::origin::{OriginHandle, spawn};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The origin that all tests of this binary share.
pub(crate) fn origin() -> &'static OriginHandle {
    static ORIGIN: OnceLock<OriginHandle> = OnceLock::new();
    ORIGIN.get_or_init(spawn)
}

/// The URL of a path there.
pub(crate) fn at(path: &str) -> String {
    origin().http_url(path)
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entreat"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["NO_COLOR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(variable);
    }
    for scheme in ["http", "https", "all", "no"] {
        let variable = format!("{scheme}_proxy");
        command.env_remove(&variable).env_remove(variable.to_uppercase());
    }
    command
}

/// Runs the command with `input` on standard input.
pub(crate) fn run_with(input: &str, arguments: &[&str]) -> Output {
    let pipes = |command: &mut Command| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let mut child = pipes(&mut command(arguments)).expect("the command starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the command reads its input");
    child.wait_with_output().expect("the command ends")
}

/// Runs the command, which succeeds, and returns what it printed.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = command(arguments).output().expect("the command starts");
    assert_eq!(error_of(&output), (0, String::new()), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Sends what the arguments say and returns what httpbin's routes say of it.
pub(crate) fn answer(arguments: &[&str]) -> serde_json::Value {
    json(&printed(arguments))
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs the command; its exit status and what it says on standard error.
pub(crate) fn failure(arguments: &[&str]) -> (i32, String) {
    error_of(&command(arguments).output().expect("the command starts"))
}

pub(crate) fn error_of(output: &Output) -> (i32, String) {
    let status = output.status.code().expect("no signal ends it");
    (status, String::from_utf8(output.stderr.clone()).expect("text"))
}

/// A file with this content, in a folder of its own that Cargo gives tests.
pub(crate) fn file(name: &str, content: &[u8]) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the folder is writable");
    path.to_str().expect("text").to_owned()
}

/// A server that reads one request, answers these bytes and closes.
pub(crate) fn one_answer(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the command connects");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request without a body");
            request.extend(byte);
        }
        stream.write_all(bytes).expect("the command reads");
    });
    url
}
