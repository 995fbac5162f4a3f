//! The one error of the project: what went wrong, who is to blame, what was expected and what was seen.
//!
//! Every layer makes this type and nothing else; faces map [`Kind`] to their own classes with one `match`.
//! Nobody parses message text. The URL is stored redacted, so that an error may be logged as it is.

use crate::response::ResponseHead;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, in one word. Each variant says when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    // The caller's: found before anything is sent.
    /// The URL cannot be parsed, has no host, a bad port, spaces or control characters.
    InvalidUrl,
    /// The URL has no scheme at all (`example.org/path`).
    MissingScheme,
    /// The URL's scheme is not one that this client speaks.
    UnsupportedScheme,
    /// The method is not a token (RFC 9110 section 5.6.2).
    InvalidMethod,
    /// A header name or value holds CR, LF, NUL or characters that its grammar excludes (RFC 9110 section 5.5).
    InvalidHeader,
    /// A time-out is negative, zero or not a number.
    InvalidTimeout,
    /// The body contradicts an explicit Content-Length, or its source could not be read.
    InvalidBody,
    /// A setting cannot be used: unreadable CA file, contradicting knobs.
    InvalidConfig,
    /// The request must be sent again, but its body was consumed and cannot be rewound.
    UnrewindableBody,
    /// The body of this response was read or abandoned before.
    BodyConsumed,
    /// The client was closed.
    Closed,

    // The network's.
    /// The host's name could not be resolved.
    Resolve,
    /// No address of the host accepted a connection.
    Connect,
    /// The connection broke while sending or receiving.
    Io,

    // The peer's.
    /// The TLS handshake failed for a reason other than the certificate.
    Tls,
    /// The server's certificate was refused.
    InvalidCertificate,
    /// The peer closed the connection before the first byte of a response.
    ClosedWithoutResponse,
    /// The peer closed the connection in the middle of a head or a body.
    ClosedEarly,
    /// The response's status line, fields or framing break the protocol (RFC 9112).
    MalformedResponse,
    /// A chunk's size or end is malformed (RFC 9112 section 7.1).
    MalformedChunk,
    /// A coded body (gzip, deflate, …) is corrupt or cut short.
    ContentDecoding,
    /// A redirect's target cannot be followed.
    InvalidRedirect,
    /// A proxy refused or broke its protocol.
    Proxy,
    /// The body's text or JSON could not be decoded.
    InvalidContent,
    /// The status is an error and the caller asked for that to be one.
    Status,

    // Limits: the caller's own, reached.
    /// No connection within `Timeout::connect`, handshake included.
    ConnectTimeout,
    /// No byte arrived for `Timeout::read`.
    ReadTimeout,
    /// No byte could be sent for `Timeout::write`.
    WriteTimeout,
    /// No slot in the pool within `Timeout::pool`.
    PoolTimeout,
    /// The whole exchange, body included, took longer than `Timeout::total`.
    TotalTimeout,
    /// A response head larger than the limit on bytes or on fields.
    HeadTooLarge,
    /// A body larger than the limit.
    BodyTooLarge,
    /// More redirects than allowed.
    TooManyRedirects,
    /// An address that the guard does not let through.
    BlockedAddress,
    /// The caller interrupted the wait (a signal, a cancelled task).
    Interrupted,
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The program that made the request.
    Caller,
    /// The way between.
    Network,
    /// The server or a proxy.
    Peer,
    /// A limit that the program set, or left at its default.
    Limit,
}

impl Kind {
    /// Who can mend an error of this kind.
    pub fn blame(self) -> Blame {
        match self {
            Kind::InvalidUrl
            | Kind::MissingScheme
            | Kind::UnsupportedScheme
            | Kind::InvalidMethod
            | Kind::InvalidHeader
            | Kind::InvalidTimeout
            | Kind::InvalidBody
            | Kind::InvalidConfig
            | Kind::UnrewindableBody
            | Kind::BodyConsumed
            | Kind::Closed => Blame::Caller,
            Kind::Resolve | Kind::Connect | Kind::Io => Blame::Network,
            Kind::Tls
            | Kind::InvalidCertificate
            | Kind::ClosedWithoutResponse
            | Kind::ClosedEarly
            | Kind::MalformedResponse
            | Kind::MalformedChunk
            | Kind::ContentDecoding
            | Kind::InvalidRedirect
            | Kind::Proxy
            | Kind::InvalidContent
            | Kind::Status => Blame::Peer,
            Kind::ConnectTimeout
            | Kind::ReadTimeout
            | Kind::WriteTimeout
            | Kind::PoolTimeout
            | Kind::TotalTimeout
            | Kind::HeadTooLarge
            | Kind::BodyTooLarge
            | Kind::TooManyRedirects
            | Kind::BlockedAddress
            | Kind::Interrupted => Blame::Limit,
        }
    }

    /// True for every kind of time-out.
    pub fn is_timeout(self) -> bool {
        matches!(
            self,
            Kind::ConnectTimeout
                | Kind::ReadTimeout
                | Kind::WriteTimeout
                | Kind::PoolTimeout
                | Kind::TotalTimeout
        )
    }

    /// The headline of a message of this kind.
    fn describe(self) -> &'static str {
        match self {
            Kind::InvalidUrl => "invalid URL",
            Kind::MissingScheme => "the URL has no scheme",
            Kind::UnsupportedScheme => "the URL's scheme is not supported",
            Kind::InvalidMethod => "invalid method",
            Kind::InvalidHeader => "invalid header",
            Kind::InvalidTimeout => "invalid time-out",
            Kind::InvalidBody => "invalid request body",
            Kind::InvalidConfig => "invalid configuration",
            Kind::UnrewindableBody => "the request's body cannot be sent a second time",
            Kind::BodyConsumed => "the response's body was already consumed",
            Kind::Closed => "the client is closed",
            Kind::Resolve => "the host name could not be resolved",
            Kind::Connect => "could not connect",
            Kind::Io => "the connection failed",
            Kind::Tls => "TLS handshake failed",
            Kind::InvalidCertificate => "the server's certificate was refused",
            Kind::ClosedWithoutResponse => "the server closed the connection without a response",
            Kind::ClosedEarly => "the server closed the connection early",
            Kind::MalformedResponse => "malformed response",
            Kind::MalformedChunk => "malformed chunk in the response's body",
            Kind::ContentDecoding => "the response's body could not be decoded",
            Kind::InvalidRedirect => "the redirect cannot be followed",
            Kind::Proxy => "the proxy failed",
            Kind::InvalidContent => "the response's body is not what was asked for",
            Kind::Status => "the server answered with an error",
            Kind::ConnectTimeout => "connecting took too long",
            Kind::ReadTimeout => "the server sent nothing for too long",
            Kind::WriteTimeout => "nothing could be sent for too long",
            Kind::PoolTimeout => "no connection became free in time",
            Kind::TotalTimeout => "the exchange took longer than its total time-out",
            Kind::HeadTooLarge => "the response's head is too large",
            Kind::BodyTooLarge => "the response's body is too large",
            Kind::TooManyRedirects => "too many redirects",
            Kind::BlockedAddress => "the guard does not let this address through",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// Why a request failed.
///
/// One pointer wide. [`Error::kind`] is for programs, `Display` for people: it names what was expected and
/// what was seen, and a hint where the caller can mend it. The underlying cause is [`source`](StdError::source).
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    url: Option<String>,
    expected: Option<Cow<'static, str>>,
    seen: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    received: Option<Box<[u8]>>,
    /// Retries before this one.
    retries: u32,
    proxy: Option<Box<str>>,
    answer: Option<Arc<Answer>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// A response that is itself the error, such as a proxy's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status line and fields.
    pub head: ResponseHead,
    /// The body without framing, as far as it was read. Of a proxy's refusal, its content coding is not undone.
    pub body: Vec<u8>,
}

/// The word used throughout the project.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that knows nothing more yet.
    #[cold]
    pub fn new(kind: Kind) -> Error {
        Error(Box::new(Inner {
            kind,
            url: None,
            expected: None,
            seen: None,
            hint: None,
            received: None,
            retries: 0,
            proxy: None,
            answer: None,
            source: None,
        }))
    }

    /// What the rule or the caller asked for.
    pub fn expected(mut self, expected: impl Into<Cow<'static, str>>) -> Error {
        self.0.expected = Some(expected.into());
        self
    }

    /// What came instead. Long or binary input goes through [`excerpt`] first.
    pub fn seen(mut self, seen: impl Into<Cow<'static, str>>) -> Error {
        self.0.seen = Some(seen.into());
        self
    }

    /// What the caller can do about it.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// What the peer sent and this refuses, as far as it has come: for those that judge it by rules of their own.
    pub fn with_received(mut self, bytes: &[u8]) -> Error {
        self.0.received = Some(bytes.into());
        self
    }

    /// The response that is the error.
    pub fn with_answer(mut self, answer: Answer) -> Error {
        self.0.answer = Some(Arc::new(answer));
        self
    }

    /// The proxy at which it happened, without credentials.
    pub fn with_proxy(mut self, proxy: &str) -> Error {
        self.0.proxy = Some(proxy.into());
        self
    }

    /// The underlying cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// How often the request was sent again before it ended in this.
    pub fn with_retries(mut self, retries: u32) -> Error {
        self.0.retries = retries;
        self
    }

    /// The URL of the request. User name and password are cut out. Keeps a URL that is already there.
    #[cold]
    pub fn with_url(mut self, url: &str) -> Error {
        if self.0.url.is_none() {
            self.0.url = Some(redact(url));
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Who can mend it.
    pub fn blame(&self) -> Blame {
        self.0.kind.blame()
    }

    /// The URL of the request, without credentials, once the error has passed through a client.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// What was expected, where something definite was.
    pub fn expected_text(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// What was seen instead.
    pub fn seen_text(&self) -> Option<&str> {
        self.0.seen.as_deref()
    }

    /// What the caller can do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The bytes of a refused head, or of a refused chunk size and what follows, as far as they have come.
    pub fn received(&self) -> Option<&[u8]> {
        self.0.received.as_deref()
    }

    /// How often the request was tried: 1, and one more for each retry. Redirects do not count.
    pub fn attempts(&self) -> u32 {
        self.0.retries.saturating_add(1)
    }

    /// The response that is the error: of [`Kind::Proxy`] where a proxy refused a tunnel, with the start of its body;
    /// of [`Kind::Status`], too, decoded.
    pub fn answer(&self) -> Option<&Answer> {
        self.0.answer.as_deref()
    }

    /// The status of [`Error::answer`].
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.head.status)
    }

    /// The proxy at which it happened, as a URL without credentials; none where the origin itself is meant.
    pub fn proxy(&self) -> Option<&str> {
        self.0.proxy.as_deref()
    }

    /// True for every kind of time-out.
    pub fn is_timeout(&self) -> bool {
        self.0.kind.is_timeout()
    }

    /// True where no connection could be made: resolution, connecting, a proxy, TLS, and their time-out.
    pub fn is_connect(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Resolve
                | Kind::Connect
                | Kind::ConnectTimeout
                | Kind::BlockedAddress
                | Kind::Tls
                | Kind::InvalidCertificate
                | Kind::Proxy
        )
    }

    /// The operating system's error number, where one is the cause.
    pub fn errno(&self) -> Option<i32> {
        let source = self.0.source.as_deref()?;
        source.downcast_ref::<std::io::Error>()?.raw_os_error()
    }

    /// The message without the URL: what `Display` shows, for faces that show the URL themselves.
    pub fn message(&self) -> String {
        let mut text = self.0.kind.describe().to_owned();
        match (&self.0.expected, &self.0.seen) {
            (Some(expected), Some(seen)) => {
                text.push_str(&format!(": expected {expected}, got {seen}"));
            }
            (Some(expected), None) => text.push_str(&format!(": expected {expected}")),
            (None, Some(seen)) => text.push_str(&format!(": {seen}")),
            (None, None) => {}
        }
        if let Some(proxy) = &self.0.proxy {
            text.push_str(&format!(" at the proxy {proxy}"));
        }
        if let Some(source) = &self.0.source {
            text.push_str(&format!(": {source}"));
        }
        if self.0.retries > 0 {
            text.push_str(&format!(", at the last of {} attempts", self.attempts()));
        }
        if let Some(hint) = &self.0.hint {
            text.push_str(&format!(" ({hint})"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match &self.0.url {
            Some(url) => write!(f, " for {url}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Bytes from a peer, made safe and short enough for a message: escaped, quoted, at most 80 characters of them.
pub fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    let head = &bytes[..bytes.len().min(SHOWN)];
    let mut text = String::with_capacity(head.len() + 16);
    text.push('"');
    text.push_str(&head.escape_ascii().to_string());
    text.push('"');
    if bytes.len() > SHOWN {
        text.push_str(&format!(" … ({} bytes)", bytes.len()));
    }
    text
}

/// The URL without user name and password (RFC 3986 section 3.2.1 asks that they not be shown).
pub(crate) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_expected_seen_hint_and_url() {
        let error = Error::new(Kind::MalformedChunk)
            .expected("a hexadecimal size")
            .seen(excerpt(b"xyz\r\n"))
            .hint("a hint")
            .with_url("http://a/b");
        assert_eq!(
            error.to_string(),
            "malformed chunk in the response's body: expected a hexadecimal size, got \"xyz\\r\\n\" (a hint) for http://a/b"
        );
    }

    #[test]
    fn attempts_are_counted_and_shown() {
        let error = Error::new(Kind::Connect);
        assert_eq!((error.attempts(), error.to_string().contains("attempts")), (1, false));
        let error = error.with_retries(2);
        assert_eq!((error.attempts(), error.to_string().contains("the last of 3 attempts")), (3, true));
    }

    #[test]
    fn credentials_never_show() {
        let error = Error::new(Kind::Connect).with_url("http://user:p@ss@host/path?q=a@b");
        assert_eq!(error.url(), Some("http://host/path?q=a@b"));
        assert!(!format!("{error:?} {error}").contains("p@ss"));
    }

    #[test]
    fn excerpts_are_short() {
        assert!(excerpt(&[b'a'; 10_000]).len() < 120);
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
