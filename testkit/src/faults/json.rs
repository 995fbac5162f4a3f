//! The cases as JSON, for judges in other languages. Times are in seconds, bodies in Base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::case::{Ask, Body, Case, Outcome};
use super::stage::Seen;

/// A list of all these cases.
pub fn cases(cases: &[Case]) -> String {
    list(cases.iter().map(case))
}

/// What a stage saw.
pub fn seen(seen: &Seen) -> String {
    let requests = list(seen.requests.iter().map(|head| text(head)));
    object(&[("connections", seen.connections.to_string()), ("requests", requests)])
}

/// Text with what JSON cannot hold escaped.
pub fn text(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\u{0}'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn case(case: &Case) -> String {
    let seconds = |duration: std::time::Duration| duration.as_secs_f64().to_string();
    let optional = |value: Option<String>| value.unwrap_or_else(|| "null".into());
    object(&[
        ("name", text(case.name)),
        ("theme", text(case.theme)),
        ("rule", text(case.rule)),
        ("asks", list(case.asks.iter().map(ask))),
        ("connections", case.connections.to_string()),
        ("patience", seconds(case.patience)),
        ("total", seconds(case.total)),
        ("within", seconds(case.within)),
        ("memory", case.memory.to_string()),
        ("limit", optional(case.limit.map(|limit| limit.to_string()))),
        ("tls", case.tls.is_some().to_string()),
        ("never_sent", optional(case.never_sent.map(text))),
    ])
}

fn ask(ask: &Ask) -> String {
    object(&[
        ("method", text(ask.method)),
        ("upload", ask.upload.map_or("null".into(), |length| length.to_string())),
        ("pause", ask.pause.as_secs_f64().to_string()),
        ("expected", list(ask.expected.iter().map(outcome))),
    ])
}

/// One key tells which kind of outcome it is.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(status, body) => {
            let body = match body {
                Body::Bytes(bytes) => ("bytes", text(&BASE64_STANDARD.encode(bytes))),
                Body::Letters(count) => ("letters", count.to_string()),
                Body::Own => ("own", "true".into()),
            };
            object(&[("status", status.to_string()), body])
        }
        Outcome::Failing(failing) => object(&[("failing", text(&format!("{failing:?}")))]),
        Outcome::CutOff => object(&[("cut_off", "true".into())]),
    }
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}: {value}", text(name))).collect();
    format!("{{{}}}", members.join(", "))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
