//! Runs the cookie cases of the IETF working group http-state against the jar, on the day when they were
//! written.
//!
//! The cases are data (`data/http-state`). Each that the jar fails is listed with the reason why that is
//! meant; the test fails as well where a listed case passes. The day is fixed because some cases hold dates
//! that have passed.

use entreat_core::policy::cookies::{Facts, Jar};
use entreat_core::policy::date;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2011-04-15, the month of RFC 6265.
fn today() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_302_825_600)
}

/// Cases that fail, and why. All of them were disabled by those who wrote them.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("DISABLED_CHROMIUM0022", "cuts the field at NUL; 6265bis section 5.6 step 1 drops it"),
    ("DISABLED_CHROMIUM0023", "cuts the field at CR; 6265bis section 5.6 step 1 drops it"),
    ("DISABLED_PATH0029", "compares paths decoded; RFC 6265 section 5.1.4 compares them as they are"),
];

#[test]
fn cookies_go_back_as_the_working_group_says() {
    let cases = read(include_str!("data/http-state/parser.json"));
    let cases = cases.as_array().expect("a list of cases");
    let failed: Vec<&str> =
        cases.iter().filter(|case| sent(case) != expected(case)).map(|case| text(&case["test"])).collect();
    assert_eq!(cases.len(), 222);
    assert_eq!(failed, EXCEPTIONS.map(|(name, _)| name), "of {}", cases.len());
}

#[test]
fn dates_are_read_as_the_working_group_says() {
    let mut count = 0;
    for file in [
        include_str!("data/http-state/dates/examples.json"),
        include_str!("data/http-state/dates/bsd-examples.json"),
    ] {
        for case in read(file).as_array().expect("a list of dates") {
            let written = date::parse(text(&case["test"]).as_bytes()).map(date::format);
            assert_eq!(written.as_deref(), case["expected"].as_str(), "{case}");
            count += 1;
        }
    }
    assert!(count > 60, "only {count} dates were found");
}

/// What the jar sends after a case's fields were received.
fn sent(case: &Value) -> String {
    let mut jar = Jar::new();
    let from = facts("http://home.example.org:8888/cookie-parser");
    for field in case["received"].as_array().expect("a list of fields") {
        jar.store(&from, text(field).as_bytes(), today());
    }
    let to = case["sent-to"].as_str().unwrap_or("/cookie-parser-result");
    let header = jar.header_for(&facts(to), today()).unwrap_or_default();
    String::from_utf8(header).expect("the cases are UTF-8")
}

fn expected(case: &Value) -> String {
    let cookies = case["sent"].as_array().expect("a list of cookies");
    let pair = |cookie: &Value| format!("{}={}", text(&cookie["name"]), text(&cookie["value"]));
    cookies.iter().map(pair).collect::<Vec<_>>().join("; ")
}

fn facts(url: &str) -> Facts<'_> {
    let (authority, path) = match url.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').expect("a path")),
        None => ("home.example.org:8888", url),
    };
    let host = authority.split(':').next().unwrap_or_default();
    Facts { secure: false, host, path: path.split('?').next().unwrap_or_default() }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn read(json: &str) -> Value {
    // A licence stands at the top of one file, as a comment.
    let json: String = json.lines().filter(|line| !line.starts_with("//")).collect();
    serde_json::from_str(&json).expect("JSON")
}
