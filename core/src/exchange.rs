//! The order of decisions around one exchange, on one page: [`prepare`], [`judge`], [`recover`].
//!
//! * Before a request: `policy::hsts` (is it to go over TLS?), `route` (through which proxy?), `policy::cookies` (which
//!   go along?), [`prepare`] (which fields it carries, Accept-Encoding among them, and how its body is framed: RFC 9112
//!   section 6), `policy::expect` (is the server asked before the body?), `policy::auth` (who is it from?). Credentials
//!   come last, since some schemes sign all the rest.
//! * After an answer: keep what it says (`policy::hsts`, `policy::cookies`); send again without Expect; answer a challenge
//!   (`policy::auth`); try again later (`policy::retry`); [`judge`]: follow a redirect (`policy::redirect`), or deliver.
//! * After a failure: [`recover`], to replay on a fresh connection; then `policy::retry`.
//!
//! Each line of these functions asks one policy or states one rule. `Session::deliver` of the crate `entreat` has the
//! loop, and calls all of them in this order between its own steps.

use crate::config::Settings;
use crate::error::{Error, Kind, Result, excerpt};
use crate::h1::head_write;
use crate::headers::Headers;
use crate::policy::auth::{Credentials, basic};
use crate::policy::redirect;
use crate::response::ResponseHead;
use crate::route::{PROXY_AUTHORIZATION, Proxy};
use crate::url::Url;
use percent_encoding::percent_decode_str;

/// How long the request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many bytes, perhaps 0.
    Known(u64),
    /// Found out at its end.
    Unknown,
}

/// How the request's body goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// Exactly so many bytes.
    Length(u64),
    /// In chunks (RFC 9112 section 7.1).
    Chunked,
}

/// The request as the caller gave it.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The method, checked here.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// The caller's own fields. They go before ours.
    pub headers: &'a Headers,
    /// Its body's length.
    pub body: BodyLength,
    /// The cookie jar's field, if there is one.
    pub cookie: Option<&'a [u8]>,
    /// The proxy on its way.
    pub proxy: Option<&'a Proxy>,
}

/// Decides the fields that go out, in their order: ours first where the caller has none of that name.
///
/// # Errors
/// [`Kind::InvalidMethod`], [`Kind::InvalidUrl`]; [`Kind::InvalidBody`] where an explicit Content-Length or
/// Transfer-Encoding contradicts the body.
pub fn prepare(draft: &Draft<'_>, settings: &Settings) -> Result<(Headers, BodyFraming)> {
    head_write::check_method(draft.method)?;
    head_write::check_target(&draft.url.target())?;
    let given = draft.headers;
    let mut fields = Headers::with_capacity(8 + given.len(), 256);
    let ours = |fields: &mut Headers, name: &str, value: &[u8]| match given.contains(name) {
        true => Ok(()),
        false => fields.push(name.as_bytes(), value),
    };
    // RFC 9110 section 7.2: "A user agent that sends Host SHOULD send it as the first field in the header section".
    ours(&mut fields, "Host", draft.url.host_field().as_bytes())?;
    match given.is_empty() {
        true => fields.extend(&settings.standing)?,
        false => settings.standing.iter().try_for_each(|(name, value)| ours(&mut fields, name, value))?,
    }
    if let Some(value) = url_authorization(draft.url)? {
        ours(&mut fields, "Authorization", value.as_bytes())?;
    }
    if let Some(cookie) = draft.cookie {
        ours(&mut fields, "Cookie", cookie)?;
    }
    for (name, value) in given.iter() {
        // The proxy has its own copy, in `Proxy::fields`, and nobody else gets one.
        if !name.eq_ignore_ascii_case(PROXY_AUTHORIZATION) {
            fields.push(name.as_bytes(), value)?;
        }
    }
    if let Some(proxy) = draft.proxy.filter(|proxy| proxy.forwards(draft.url.scheme())) {
        tell_proxy(proxy, &mut fields)?;
    }
    let framing = frame(draft, &mut fields)?;
    Ok((fields, framing))
}

/// Adds the fields that are meant for a proxy which reads the request itself.
fn tell_proxy(proxy: &Proxy, fields: &mut Headers) -> Result<()> {
    for (name, value) in proxy.fields().iter() {
        if !fields.contains(name) {
            fields.push(name.as_bytes(), value)?;
        }
    }
    Ok(())
}

/// What user name and password in the URL stand for: Basic credentials, percent-decoded, as browsers and curl have it.
fn url_authorization(url: &Url) -> Result<Option<String>> {
    let Some((user, password)) = url.credentials() else { return Ok(None) };
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    basic::authorization(&basic::Rules::modern(), &Credentials::new(decode(user), decode(password))).map(Some)
}

/// The codings that [`crate::content`] can undo.
pub const ACCEPT_ENCODING: &str = match (cfg!(feature = "brotli"), cfg!(feature = "zstd")) {
    (false, false) => "gzip, deflate",
    (true, false) => "gzip, deflate, br",
    (false, true) => "gzip, deflate, zstd",
    (true, true) => "gzip, deflate, br, zstd",
};

/// RFC 9112 section 6: the body's framing, and the field that announces it.
pub fn frame(draft: &Draft<'_>, fields: &mut Headers) -> Result<BodyFraming> {
    let announced = announced_length(draft.headers)?;
    if let Some(coding) = draft.headers.get("Transfer-Encoding") {
        return frame_by_caller(coding, announced);
    }
    match (draft.body, announced) {
        (BodyLength::Known(length), Some(announced)) if length != announced => {
            Err(mismatch(announced, length))
        }
        (BodyLength::None, Some(announced)) if announced != 0 => Err(mismatch(announced, 0)),
        (BodyLength::Known(_) | BodyLength::None, Some(announced)) => Ok(BodyFraming::Length(announced)),
        (BodyLength::Unknown, Some(announced)) => Ok(BodyFraming::Length(announced)),
        (BodyLength::Known(length), None) => {
            fields.push(b"Content-Length", length.to_string().as_bytes())?;
            Ok(BodyFraming::Length(length))
        }
        (BodyLength::Unknown, None) => {
            fields.push(b"Transfer-Encoding", b"chunked")?;
            Ok(BodyFraming::Chunked)
        }
        (BodyLength::None, None) => {
            // RFC 9110 section 8.6: "A user agent SHOULD send Content-Length in a request when the method defines
            // a meaning for enclosed content and it is not sending Transfer-Encoding."
            if matches!(draft.method, "POST" | "PUT" | "PATCH") {
                fields.push(b"Content-Length", b"0")?;
            }
            Ok(BodyFraming::Length(0))
        }
    }
}

fn frame_by_caller(coding: &[u8], announced: Option<u64>) -> Result<BodyFraming> {
    if coding.eq_ignore_ascii_case(b"chunked") && announced.is_none() {
        return Ok(BodyFraming::Chunked);
    }
    // RFC 9112 section 6.2: "A sender MUST NOT send a Content-Length header field in any message that contains a
    // Transfer-Encoding header field."
    Err(Error::new(Kind::InvalidBody)
        .expected("no Transfer-Encoding but chunked, and none beside Content-Length")
        .seen(excerpt(coding)))
}

fn announced_length(headers: &Headers) -> Result<Option<u64>> {
    let mut values = headers.get_all("Content-Length");
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    match (number, values.next()) {
        (Some(number), None) => Ok(Some(number)),
        _ => {
            Err(Error::new(Kind::InvalidBody).expected("one Content-Length, in digits").seen(excerpt(value)))
        }
    }
}

fn mismatch(announced: u64, length: u64) -> Error {
    Error::new(Kind::InvalidBody)
        .expected(format!("{announced} bytes, as the header Content-Length says"))
        .seen(format!("a body of {length} bytes"))
        .hint("leave Content-Length out: it is added by itself")
}

/// What becomes of a response whose head has arrived.
#[derive(Debug)]
pub enum Judgement {
    /// It is the answer.
    Deliver,
    /// Send the next request.
    Follow(redirect::Next),
}

/// Decides what becomes of `head`, the answer to `method` at `url` after `followed` redirects.
///
/// # Errors
/// A redirect that may not or cannot be followed.
pub fn judge(
    method: &str,
    url: &Url,
    head: &ResponseHead,
    followed: u32,
    rules: &redirect::Rules,
) -> Result<Judgement> {
    if !redirect::is_redirect(head.status) {
        return Ok(Judgement::Deliver);
    }
    let location = head.headers.get("Location");
    let facts = redirect::Facts { status: head.status, location, method, url: url.as_str(), followed };
    match redirect::decide(rules, &facts) {
        redirect::Decision::Deliver => Ok(Judgement::Deliver),
        redirect::Decision::Follow(next) => Ok(Judgement::Follow(next)),
        redirect::Decision::Refuse(error) => Err(error),
    }
}

/// Whether `head`, the answer to a request with the fields `sent`, may be a 101 (Switching Protocols).
///
/// # Errors
/// [`Kind::MalformedResponse`]. RFC 9110 section 7.8: "A server MUST NOT switch to a protocol that was not indicated by
/// the client in the corresponding request's Upgrade header field": nobody could read what follows.
pub fn check_switch(head: &ResponseHead, sent: &Headers) -> Result<()> {
    if head.status != 101 || sent.contains("Upgrade") {
        return Ok(());
    }
    Err(Error::new(Kind::MalformedResponse)
        .expected("101 only where the request asks for another protocol")
        .seen("101 to a request without Upgrade"))
}

/// True where what follows the head of the answer to `method` is no longer HTTP: after 101, and after a CONNECT that
/// succeeded (RFC 9110 sections 7.8 and 9.3.6).
pub fn is_switch(method: &str, status: u16) -> bool {
    status == 101 || (method == "CONNECT" && (200..300).contains(&status))
}

/// RFC 9112 section 9.6: "A client that sends the "close" connection option MUST NOT send further requests on that
/// connection".
pub fn ends_connection(sent: &Headers) -> bool {
    let mut options = sent.get_all("Connection").flat_map(|value| value.split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// How far an exchange had come when it failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Of the request.
    pub method: &'a str,
    /// What went wrong.
    pub kind: Kind,
    /// The connection had served a request before.
    pub reused: bool,
    /// Some of the request may have reached the peer.
    pub sent: bool,
    /// The body can be sent again from its start.
    pub rewindable: bool,
    /// This was a replay already.
    pub replayed: bool,
}

/// What becomes of a failed exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Send it once more, on a fresh connection.
    Replay,
    /// Give the error to the caller.
    GiveUp,
}

/// RFC 9112 section 9.3.1: "When an inbound connection is closed prematurely, a client MAY open a new connection
/// and automatically retransmit an aborted sequence of requests if all of those requests have idempotent methods".
/// A keep-alive connection that the peer closed just then is not the request's fault, so it is replayed, once; any
/// other request only where none of it was sent.
pub fn recover(failure: &Failure<'_>) -> Recovery {
    let stale = failure.reused && matches!(failure.kind, Kind::ClosedWithoutResponse | Kind::Io);
    let safe = !failure.sent || is_idempotent(failure.method);
    if stale && safe && failure.rewindable && !failure.replayed { Recovery::Replay } else { Recovery::GiveUp }
}

/// RFC 9110 section 9.2.2.
pub fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn prepared(
        method: &str,
        url: &str,
        given: &[(&str, &str)],
        body: BodyLength,
    ) -> Result<(String, BodyFraming)> {
        let mut headers = Headers::new();
        for (name, value) in given {
            headers.append(name, value)?;
        }
        let url = Url::parse(url)?;
        let draft = Draft { method, url: &url, headers: &headers, body, cookie: None, proxy: None };
        let (fields, framing) = prepare(&draft, &Config::new().user_agent("t").resolve()?)?;
        let mut wire = Vec::new();
        head_write::write_head(&mut wire, method, &url.target(), &fields);
        Ok((String::from_utf8(wire).unwrap(), framing))
    }

    #[test]
    fn whoever_says_close_sends_nothing_more_on_that_connection() {
        for (value, ends) in
            [("close", true), ("upgrade, CLOSE", true), ("keep-alive", false), ("closed", false)]
        {
            let mut sent = Headers::new();
            sent.append("connection", value).unwrap();
            assert_eq!(ends_connection(&sent), ends, "{value}");
        }
        assert!(!ends_connection(&Headers::new()));
    }

    #[test]
    fn a_plain_get_carries_host_agent_and_accept() {
        let (wire, framing) = prepared("GET", "http://a:81/b", &[], BodyLength::None).unwrap();
        let start =
            "GET /b HTTP/1.1\r\nHost: a:81\r\nUser-Agent: t\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate";
        assert!(wire.starts_with(start), "{wire}");
        assert_eq!(framing, BodyFraming::Length(0));
    }

    #[test]
    fn the_callers_fields_go_before_ours() {
        let given = [("host", "b"), ("ACCEPT", "x/y"), ("user-agent", "me")];
        let (wire, _) = prepared("GET", "http://a/", &given, BodyLength::None).unwrap();
        assert!(wire.contains("host: b\r\nACCEPT: x/y\r\nuser-agent: me\r\n"), "{wire}");
        assert!(!wire.contains("Host:") && !wire.contains("*/*"), "{wire}");
    }

    #[test]
    fn bodies_are_announced() {
        let wire = |method, body| prepared(method, "http://a/", &[], body).unwrap();
        assert!(wire("POST", BodyLength::Known(5)).0.contains("Content-Length: 5\r\n"));
        assert!(wire("POST", BodyLength::None).0.contains("Content-Length: 0\r\n"));
        assert!(!wire("GET", BodyLength::None).0.contains("Content-Length"));
        let (head, framing) = wire("POST", BodyLength::Unknown);
        assert!(head.contains("Transfer-Encoding: chunked\r\n") && framing == BodyFraming::Chunked);
    }

    #[test]
    fn an_explicit_length_must_be_true() {
        let with = |value, body| prepared("POST", "http://a/", &[("Content-Length", value)], body);
        assert_eq!(with("5", BodyLength::Known(5)).unwrap().1, BodyFraming::Length(5));
        assert_eq!(with("5", BodyLength::Unknown).unwrap().1, BodyFraming::Length(5));
        for (value, body) in
            [("4", BodyLength::Known(5)), ("4", BodyLength::None), ("x", BodyLength::Known(5))]
        {
            assert_eq!(with(value, body).unwrap_err().kind(), Kind::InvalidBody, "{value}");
        }
    }

    #[test]
    fn length_and_chunked_exclude_each_other() {
        let given = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
        let error = prepared("POST", "http://a/", &given, BodyLength::Known(5)).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidBody);
    }

    #[test]
    fn credentials_of_the_url_become_basic_auth_and_stay_out_of_the_target() {
        let (wire, _) = prepared("GET", "http://user:p%40ss@a/", &[], BodyLength::None).unwrap();
        assert!(
            wire.contains("Authorization: Basic dXNlcjpwQHNz\r\n") && wire.contains("Host: a\r\n"),
            "{wire}"
        );
    }

    #[test]
    fn only_stale_connections_are_replayed_once_and_only_where_it_is_safe() {
        let stale = Failure {
            method: "GET",
            kind: Kind::ClosedWithoutResponse,
            reused: true,
            sent: true,
            rewindable: true,
            replayed: false,
        };
        assert_eq!(recover(&stale), Recovery::Replay);
        assert_eq!(recover(&Failure { method: "POST", sent: false, ..stale }), Recovery::Replay);
        for failure in [
            Failure { method: "POST", ..stale },
            Failure { reused: false, ..stale },
            Failure { rewindable: false, ..stale },
            Failure { replayed: true, ..stale },
            Failure { kind: Kind::ReadTimeout, ..stale },
            Failure { kind: Kind::ClosedEarly, ..stale },
        ] {
            assert_eq!(recover(&failure), Recovery::GiveUp, "{failure:?}");
        }
    }
}
