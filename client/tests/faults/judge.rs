//! Asks what a case asks, and compares what comes of it with what the case allows.

use entreat::net::Net;
use entreat::session::Session;
use entreat::{Config, Error, Kind, Request, Timeout};
use entreat_testkit::faults::{Ask, Body, Case, Failing, Outcome};
use libtest_mimic::Failed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes of the longest body that a case uploads.
const LARGEST_UPLOAD: usize = 16 << 20;

/// The settings of a case: time-outs, the caller's limit, and the authority of its certificate.
pub(crate) fn config(case: &Case, authority: Option<&str>) -> Config {
    let patience = Some(case.patience);
    let timeout = Timeout {
        connect: patience,
        read: patience,
        write: patience,
        pool: patience,
        total: Some(case.total),
    };
    let mut config = Config::new().timeout(timeout);
    if let Some(limit) = case.limit {
        config = config.max_body(limit);
    }
    if let Some(pem) = authority {
        config = config.tls(entreat::TlsRules {
            roots: entreat::Roots::Pem(Arc::from(pem.as_bytes())),
            ..entreat::TlsRules::default()
        });
    }
    config
}

/// Makes what an ask will need, before anything is measured.
pub(crate) fn prepare(ask: &Ask) {
    upload(ask.upload.unwrap_or_default());
}

/// Sends one ask and says what is wrong with what came of it.
pub(crate) async fn ask<N: Net>(
    session: &Session<N>,
    case: &Case,
    ask: &Ask,
    url: &str,
) -> Result<(), Failed> {
    let (seen, shown) = send(session, case, ask, url).await;
    if ask.expected.contains(&seen) || ask.expected.iter().any(|expected| same_body(expected, &seen, url)) {
        return Ok(());
    }
    let expected = &ask.expected;
    Err(format!("{}\n  {} {url}\n  expected one of {expected:?}\n  got {shown}", case.rule, ask.method)
        .into())
}

async fn send<N: Net>(session: &Session<N>, case: &Case, ask: &Ask, url: &str) -> (Outcome, String) {
    let mut request = Request::new(ask.method, url);
    if let Some(length) = ask.upload {
        request = request.body(upload(length));
    }
    let outcome = async {
        let mut response = session.deliver(request).await?;
        let body = response.incoming().read_to_end().await?;
        Ok((response.status(), body))
    };
    match outcome.await {
        Ok((status, body)) => {
            let shown = format!("{status} {}", excerpt(&body));
            (Outcome::Answer(status, Body::Bytes(body)), shown)
        }
        Err(error) => (failing(&error, case.limit), format!("{error:?}")),
    }
}

/// Made once: the memory of an upload is the caller's, not the client's.
fn upload(length: usize) -> &'static [u8] {
    static LETTERS: OnceLock<Vec<u8>> = OnceLock::new();
    if length == 0 {
        return &[];
    }
    &LETTERS.get_or_init(|| vec![b'u'; LARGEST_UPLOAD])[..length]
}

/// The class of an error.
fn failing(error: &Error, limit: Option<u64>) -> Outcome {
    let class = match error.kind() {
        Kind::BodyTooLarge if limit.is_some() => return Outcome::CutOff,
        Kind::ClosedWithoutResponse | Kind::ClosedEarly | Kind::Io | Kind::Connect => Failing::Broken,
        Kind::MalformedResponse | Kind::MalformedChunk => Failing::Malformed,
        Kind::HeadTooLarge | Kind::BodyTooLarge => Failing::TooLarge,
        Kind::ContentDecoding => Failing::Coding,
        Kind::InvalidRedirect | Kind::TooManyRedirects => Failing::Redirect,
        Kind::Tls | Kind::InvalidCertificate => Failing::Tls,
        kind if kind.is_timeout() => Failing::TimeOut,
        // No case expects one of these.
        kind => panic!("{kind:?}: {error}"),
    };
    Outcome::Failing(class)
}

/// True where the answers have the same status, and the body is the one that is described.
fn same_body(expected: &Outcome, seen: &Outcome, url: &str) -> bool {
    let (Outcome::Answer(wanted, body), Outcome::Answer(status, Body::Bytes(bytes))) = (expected, seen)
    else {
        return false;
    };
    let path = url.splitn(4, '/').last().unwrap_or_default();
    wanted == status
        && match body {
            Body::Bytes(wanted) => wanted == bytes,
            Body::Letters(count) => bytes.len() == *count && bytes.iter().all(|byte| *byte == b'a'),
            Body::Own => bytes.strip_prefix(b"/") == Some(path.as_bytes()) || bytes.ends_with(b"/landing"),
        }
}

fn excerpt(body: &[u8]) -> String {
    format!("{} bytes: {}", body.len(), body[..body.len().min(80)].escape_ascii())
}

/// What the peer saw: no more connections than allowed, and nothing that must not be sent.
pub(crate) fn peer(case: &Case, connections: usize, requests: &[String]) -> Result<(), Failed> {
    if connections > case.connections {
        let (name, most) = (case.name, case.connections);
        return Err(format!("{name}: {connections} connections, at most {most} are allowed").into());
    }
    match case.never_sent {
        Some(never) if requests.iter().any(|request| request.contains(never)) => {
            Err(format!("{}: sent {never:?}: {requests:?}", case.name).into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an ask was over in time.
pub(crate) fn time(case: &Case, took: Duration) -> Result<(), Failed> {
    if took > case.within {
        return Err(format!("{}: took {took:?}, allowed are {:?}", case.name, case.within).into());
    }
    Ok(())
}
