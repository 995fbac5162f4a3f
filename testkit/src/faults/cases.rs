//! The cases, one file for each theme.

mod chunks;
mod codings;
mod endings;
mod fields;
mod framing;
mod informational;
mod redirects;
mod reuse;
mod status_line;
mod text;
mod time;
mod tls;
mod uploads;

use super::case::{Ask, Case, own};
use std::time::Duration;

/// Every case, by theme.
///
/// # Panics
/// If two cases have the same name.
pub fn all() -> Vec<Case> {
    let themes = [
        ("endings", endings::cases()),
        ("framing", framing::cases()),
        ("chunks", chunks::cases()),
        ("status_line", status_line::cases()),
        ("fields", fields::cases()),
        ("informational", informational::cases()),
        ("reuse", reuse::cases()),
        ("time", time::cases()),
        ("redirects", redirects::cases()),
        ("text", text::cases()),
        ("codings", codings::cases()),
        ("uploads", uploads::cases()),
        ("tls", tls::cases()),
    ];
    let mut names = std::collections::HashSet::new();
    let complete =
        themes.into_iter().flat_map(|(theme, cases)| cases.into_iter().map(move |case| (theme, case)));
    let complete = complete.map(|(theme, case)| with_next(Case { theme, ..case }));
    complete.inspect(|case| assert!(names.insert(case.name), "two cases are named {}", case.name)).collect()
}

/// Behind the fault, one more request: its answer is its own.
fn with_next(mut case: Case) -> Case {
    let expected = vec![case.hopeless.clone().unwrap_or_else(own)];
    case.asks.push(Ask { method: "GET", upload: None, pause: Duration::ZERO, expected });
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_many_cases_and_each_cites_its_rule() {
        let cases = all();
        assert!(cases.len() >= 130, "{}", cases.len());
        for case in cases {
            assert!(case.asks.len() >= 2, "{}", case.name);
            assert!(case.rule.contains("RFC ") || case.rule.contains("WHATWG"), "{}", case.name);
            assert!(!case.scripts.is_empty(), "{}", case.name);
        }
    }
}
