//! What it shows on a terminal, a pseudo-terminal here.

use crate::support::{at, command, one_answer};
use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Stdio;
use std::ptr::null_mut;

#[test]
fn a_terminal_gets_head_and_body_laid_out() {
    let text = shown(&[&at("/json")], &[("NO_COLOR", "1")]);
    assert!(text.starts_with("HTTP/1.1 200 OK\nContent-Type: application/json\n"), "{text}");
    assert!(text.contains("\n\n{\n    \"slideshow\": {\n        \"author\": \"Yours Truly\",\n"), "{text}");
    assert!(text.ends_with("\n}\n") && !text.contains('\x1b'), "{text}");
}

#[test]
fn colours_come_with_a_terminal_that_has_them() {
    let url = at("/json");
    assert!(shown(&[&url], &[]).contains("\x1b[36mContent-Type\x1b[0m: application/json"));
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!shown(&[&url], &[plain]).contains('\x1b'), "{plain:?}");
    }
}

#[test]
fn body_alone_can_be_asked_for() {
    assert!(shown(&["-b", &at("/json")], &[("NO_COLOR", "1")]).starts_with("{\n    \"slideshow\""));
}

#[test]
fn binary_data_is_withheld() {
    let text = shown(&[&at("/image/png")], &[("NO_COLOR", "1")]);
    assert!(text.ends_with("\n\n(binary data: --output FILE saves it)\n"), "{text}");
}

#[test]
fn other_charsets_are_decoded() {
    let url = one_answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin1\r\n\r\nK\xf6ln");
    assert_eq!(shown(&["-b", &url], &[]), "K\u{f6}ln\n");
}

#[test]
fn a_server_cannot_steer_the_terminal_by_its_head() {
    let text = shown(&[&at("/response-headers?X-Evil=a%C2%9B2Jb")], &[("NO_COLOR", "1")]);
    assert!(!text.contains('\u{9b}'), "{text:?}");
}

/// Runs the command with a pseudo-terminal as its standard output and returns what that shows.
fn shown(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let (mut screen, terminal) = pseudo_terminal();
    let mut command = command(arguments);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    let mut child = command.stdout(Stdio::from(terminal)).spawn().expect("the command starts");
    // Its own copy of the terminal's end goes with it, so that the reader sees an end.
    drop(command);
    let mut text = Vec::new();
    // Linux reports the end of a terminal as an error.
    let _ = screen.read_to_end(&mut text);
    assert!(child.wait().expect("the command ends").success());
    String::from_utf8(text).expect("text").replace("\r\n", "\n")
}

fn pseudo_terminal() -> (File, OwnedFd) {
    let (mut screen, mut terminal) = (-1, -1);
    // SAFETY: both descriptors are written by the call before it returns 0; null asks for no name and no settings.
    let outcome =
        unsafe { libc::openpty(&raw mut screen, &raw mut terminal, null_mut(), null_mut(), null_mut()) };
    assert_eq!(outcome, 0, "a pseudo-terminal can be had");
    // SAFETY: the call has just opened both, and nobody else owns them.
    unsafe { (File::from_raw_fd(screen), OwnedFd::from_raw_fd(terminal)) }
}
