//! Whether what came of a case is what its data say. Each fault is told in words.

use super::model::{Ask, Bytes, Case, Step, Transcript, Wanted};
use entreat::net::Net;
use entreat::net::scripted::{Log, ReceivedRequest};
use entreat::session::Session;
use entreat::{Error, Headers, Request, SharedJar};
use std::collections::BTreeMap;

type Verdict = Result<(), String>;

/// An answer, as the program sees it.
pub(crate) struct Answer {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    url: String,
    history: Vec<String>,
    attempts: u32,
}

/// Sends, and reads as much as the program wants.
pub(crate) async fn send<N: Net>(session: &Session<N>, ask: &Ask, request: Request) -> Result<Answer, Error> {
    let mut response = session.deliver(request).await?;
    let body = if ask.unread { Vec::new() } else { response.incoming().read_to_end().await? };
    let step = |step: &entreat::Redirect| format!("{} {}", step.status(), step.url().as_str());
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body,
        url: response.url().as_str().to_owned(),
        history: response.history().iter().map(step).collect(),
        attempts: response.attempts(),
    })
}

/// What the program saw.
pub(crate) fn outcome(ask: &Ask, outcome: Result<Answer, Error>) -> Verdict {
    match (outcome, &ask.error) {
        (Ok(answer), None) => answered(ask, &answer),
        (Err(error), Some(kind)) => failed(ask, kind, &error),
        (Ok(answer), Some(kind)) => Err(format!("status {} in the place of {kind}", answer.status)),
        (Err(error), None) => Err(format!("{:?}: {error}", error.kind())),
    }
}

fn answered(ask: &Ask, answer: &Answer) -> Verdict {
    same("status", &Some(answer.status), &ask.status)?;
    same("history", &answer.history, &ask.history)?;
    same("attempts", &answer.attempts, &ask.attempts.unwrap_or(1))?;
    for line in &ask.fields {
        let (name, wanted) = line.split_once(": ").ok_or("a field without a value")?;
        let seen = answer.headers.get_str(name);
        fits(&format!("{name} of the answer"), seen.unwrap_or("nothing"), wanted)?;
    }
    if let Some(name) = ask.lacks.iter().find(|name| answer.headers.contains(name)) {
        return Err(format!("the answer has {name}"));
    }
    if let Some(url) = &ask.url {
        same("url", &answer.url, url)?;
    }
    same_bytes("body", &answer.body, &ask.body)
}

fn failed(ask: &Ask, kind: &str, error: &Error) -> Verdict {
    let shown = error.to_string();
    same(&format!("kind of {shown:?}"), &format!("{:?}", error.kind()).as_str(), &kind)?;
    same("attempts", &error.attempts(), &ask.attempts.unwrap_or(1))?;
    match &ask.message {
        Some(message) => fits("message", &shown, message),
        None => Ok(()),
    }
}

/// A client that could not be made.
pub(crate) fn refusal(case: &Case, error: &Error) -> Verdict {
    same(&format!("kind of {error}"), &Some(format!("{:?}", error.kind())), &case.refused)
}

/// What a peer saw: exactly the connections and requests that it was told to expect.
pub(crate) fn seen(transcript: &Transcript<'_>, log: &Log) -> Verdict {
    same("connections", &log.connections(), &transcript.connections().len())?;
    let mut requests = log.requests().into_iter();
    for (steps, count) in transcript.connections().zip(log.requests_by_connection()) {
        let arrived: Vec<_> = requests.by_ref().take(count).collect();
        let wanted = wanted(steps);
        let lines = |request: &ReceivedRequest| request.line().to_owned();
        let lines: Vec<_> = arrived.iter().map(lines).collect();
        same("requests", &lines, &wanted.iter().map(|wanted| wanted.line.to_owned()).collect())?;
        for (request, wanted) in arrived.iter().zip(&wanted) {
            arrived_as(request, wanted).map_err(|fault| format!("{}: {fault}", wanted.line))?;
        }
    }
    Ok(())
}

fn wanted(steps: &[Step]) -> Vec<Wanted<'_>> {
    let mut wanted = Vec::new();
    for step in steps {
        match step {
            Step::Expect(expected) => wanted.push(expected.wanted()),
            Step::ExpectHead(expected) => wanted.push(expected.with_body(&Bytes::Nothing)),
            Step::ExpectBody { expect_body } => {
                wanted.last_mut().expect("a head before its body").body = expect_body;
            }
            Step::Word(_) | Step::Reply(_) | Step::Send { .. } | Step::Drip { .. } | Step::Sleep { .. } => {}
        }
    }
    wanted
}

fn arrived_as(request: &ReceivedRequest, wanted: &Wanted<'_>) -> Verdict {
    for line in wanted.has {
        let (name, value) = line.split_once(": ").ok_or("a field without a value")?;
        fits(name, request.header(name).unwrap_or("nothing"), value)?;
    }
    if let Some(name) = wanted.lacks.iter().find(|name| request.header(name).is_some()) {
        return Err(format!("has {name}: {:?}", request.header(name)));
    }
    if let Some(fields) = wanted.fields {
        let lines: Vec<_> = request.head.trim_end().split("\r\n").skip(1).collect();
        fits("fields", &lines.join("\n"), &fields.join("\n"))?;
    }
    same_bytes("body", &request.body, wanted.body)
}

/// The cookies that the client keeps.
pub(crate) fn jar(case: &Case, jar: &SharedJar) -> Verdict {
    let Some(cookies) = &case.cookies else { return Ok(()) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let jar = jar.lock();
    let kept: BTreeMap<_, _> = jar.iter().map(|cookie| (text(&cookie.name), text(&cookie.value))).collect();
    same("cookies", &kept, cookies)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, wanted: &T) -> Verdict {
    if seen == wanted { Ok(()) } else { Err(format!("{what}: {seen:?} in the place of {wanted:?}")) }
}

/// Text is compared with its asterisks standing for anything.
fn same_bytes(what: &str, seen: &[u8], wanted: &Bytes) -> Verdict {
    match wanted {
        Bytes::Text(wanted) => fits(what, &String::from_utf8_lossy(seen), wanted),
        Bytes::Nothing | Bytes::Letters { .. } | Bytes::Base64 { .. } => {
            let wanted = wanted.bytes().unwrap_or_default();
            let excerpt = |bytes: &[u8]| {
                format!("{} bytes: {}", bytes.len(), bytes[..bytes.len().min(40)].escape_ascii())
            };
            same(what, &excerpt(seen), &excerpt(&wanted))
        }
    }
}

fn fits(what: &str, seen: &str, wanted: &str) -> Verdict {
    if matches(seen, wanted) { Ok(()) } else { Err(format!("{what}: {seen:?} in the place of {wanted:?}")) }
}

/// Whether text fits a pattern in which each asterisk stands for any text.
fn matches(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, inner)) = parts.split_last() else { return rest.is_empty() };
    for part in inner {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
