//! Fields that servers send and files that users keep, as policies read them: Set-Cookie, challenges, HSTS, Retry-After,
//! cookies.txt, netrc. Input: lines; all of them are read as each of these.
//!
//! What comes of them and is sent must be a field that may be sent, and what is written must read the same.

#![no_main]

use entreat_core::Headers;
use entreat_core::policy::auth::digest::{self, Decision};
use entreat_core::policy::auth::{Credentials, challenges, netrc::Netrc};
use entreat_core::policy::cookies::{Facts, Jar};
use entreat_core::policy::hsts::{self, Store};
use entreat_core::policy::{date, retry};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, SystemTime};

fuzz_target!(|input: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    cookies(&lines, now);
    answer_challenges(&lines);
    for line in &lines {
        let mut known = Store::new(hsts::Rules::default());
        known.note(true, "a.test", line, now);
        known.covers("sub.a.test", now);
        retry::read_retry_after(line, now);
        if let Some(moment) = date::parse(line) {
            assert_eq!(date::parse(date::format(moment).as_bytes()), Some(moment));
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let mut jar = Jar::new();
        let _ = jar.add_netscape(text, now);
        let written = jar.to_netscape(true, now);
        let mut again = Jar::new();
        again.add_netscape(&written, now).expect("what was written");
        assert_eq!(again.to_netscape(true, now), written);
        if let Ok(netrc) = Netrc::parse(text) {
            drop(netrc.credentials("a.test"));
        }
    }
});

fn cookies(lines: &[&[u8]], now: SystemTime) {
    let mut jar = Jar::new();
    let facts = Facts { secure: true, host: "sub.a.test", path: "/folder/page" };
    for line in lines {
        jar.store(&facts, line, now);
    }
    if let Some(field) = jar.header_for(&facts, now) {
        Headers::new().append("Cookie", &field).expect("a field that may be sent");
    }
    assert_eq!(jar.header_for(&Facts { host: "b.test", ..facts }, now), None);
}

fn answer_challenges(lines: &[&[u8]]) {
    // What a head cannot hold has not come in one.
    let can_come = |line: &&&[u8]| Headers::new().append("WWW-Authenticate", line).is_ok();
    let lines: Vec<&[u8]> = lines.iter().filter(can_come).copied().collect();
    let found = challenges(lines.iter().copied());
    for challenge in &found {
        let _ = (challenge.realm(), challenge.text("nonce"));
    }
    let rules = digest::Rules::default();
    let Decision::Answer(mut session) = digest::decide(&rules, &found, None, "0123456789abcdef") else {
        return;
    };
    let facts = digest::Facts { method: "GET", target: "/path?query", body: Some(b"") };
    let credentials = Credentials::new("user", "secret");
    for line in lines {
        let field = session.authorization(&credentials, &facts).expect("a body in memory");
        Headers::new().append("Authorization", &field).expect("a field that may be sent");
        session.take_info(line);
    }
}
