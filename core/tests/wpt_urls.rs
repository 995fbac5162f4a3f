//! Runs the URL cases of web-platform-tests that are about http and https against `Url`.
//!
//! The cases are data (`data/wpt`): what a text means, alone or relative to a base, or that it means nothing. Where we
//! differ on purpose, the rule, its reason and the number of its cases stand here. Nothing is read that a browser refuses.

use entreat_core::{Result, Url};
use serde_json::Value;

/// Texts that a browser mends and we refuse: what it is about them, and why.
struct Refused {
    reason: &'static str,
    is: fn(&str) -> bool,
    cases: usize,
}

const REFUSED: [Refused; 3] = [
    Refused {
        reason: "spaces and control characters: dropped in silence, they hide mistakes and attacks",
        is: |text| text.bytes().any(|byte| byte <= b' ' || byte == 0x7f),
        cases: 14,
    },
    Refused {
        reason: "fewer than two slashes, or other ones, behind the scheme: a mistake, or a trick on whoever checks it",
        is: |text| !text.starts_with("http://") && text.starts_with("http"),
        cases: 13,
    },
    Refused {
        reason: "a reference with three slashes: an empty host for the crate `url`, and for RFC 3986",
        is: |text| text.starts_with("///"),
        cases: 7,
    },
];

#[test]
fn urls_are_read_as_browsers_read_them_or_refused_for_a_reason() {
    let cases: Value = serde_json::from_str(include_str!("data/wpt/urltestdata.json")).expect("JSON");
    let cases = cases.as_array().expect("a list of cases");
    assert_eq!(cases.len(), 433);
    let mut counts = [0; REFUSED.len()];
    for case in cases {
        let (read, expected) = (read(case), case["href"].as_str());
        let input = input(case);
        match (read, expected) {
            (Ok(read), Some(expected)) => assert_eq!(read.as_str(), expected, "{case}"),
            (Ok(read), None) => panic!("{case} was read as {read}"),
            (Err(_), None) => {}
            (Err(error), Some(_)) => {
                let rule = REFUSED.iter().position(|rule| (rule.is)(input));
                counts[rule.unwrap_or_else(|| panic!("{case} was refused: {error}"))] += 1;
            }
        }
    }
    for (rule, count) in REFUSED.iter().zip(counts) {
        assert_eq!(count, rule.cases, "{}", rule.reason);
    }
}

fn read(case: &Value) -> Result<Url> {
    match case["base"].as_str() {
        None => Url::parse(input(case)),
        Some(base) => Url::parse(base)?.join(input(case)),
    }
}

fn input(case: &Value) -> &str {
    case["input"].as_str().expect("an input")
}
