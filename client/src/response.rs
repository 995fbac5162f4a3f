//! The response: status, fields and URL at once, the body when it is asked for.
//!
//! One type for every net; the methods that read the body are the blocking face's here and the async face's in
//! `aio`. Dropping a response whose body was not read closes its connection.

use crate::consume;
use crate::incoming::Incoming;
use crate::net::Net;
use crate::net::blocking::{Blocking, block};
use crate::retries::Retried;
use crate::text;
use crate::timings::Timings;
#[cfg(feature = "json")]
use entreat_core::{Error, Kind};
use entreat_core::{Headers, ResponseHead, Result, TlsInfo, Url, Version};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

/// An answer whose head has arrived.
///
/// ```
/// # use entreat::{Client, Config, mock::Mock};
/// # let mock = Mock::new();
/// # mock.on("GET", "/").reply("hello");
/// # let client = Client::with_transport(mock, Config::new())?;
/// let response = client.get("http://example.org/")?;
/// println!("{} {}", response.status(), response.header("Content-Type").unwrap_or("?"));
/// println!("{}", response.text()?);
/// # Ok::<(), entreat::Error>(())
/// ```
pub struct Response<N: Net = Blocking> {
    head: ResponseHead,
    url: Url,
    past: Past,
    incoming: Box<Incoming<N>>,
}

/// The request as it went out, behind redirects perhaps.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: Cow<'static, str>,
    pub headers: Headers,
}

/// What came before an answer.
pub(crate) struct Past {
    pub(crate) sent: RequestHead,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) retries: Vec<Retried>,
    /// When the call began, and when the head of the answer was there.
    pub(crate) started: Instant,
    pub(crate) answered: Instant,
}

/// A response on the way that was a redirect, without its body.
#[derive(Debug, Clone)]
pub struct Redirect {
    head: ResponseHead,
    url: Url,
    sent: RequestHead,
    elapsed: Duration,
    timings: Timings,
}

impl Redirect {
    pub(crate) fn new(
        head: ResponseHead,
        url: Url,
        sent: RequestHead,
        elapsed: Duration,
        timings: Timings,
    ) -> Redirect {
        Redirect { head, url, sent, elapsed, timings }
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Its fields.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The URL that was asked.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The method with which it was asked.
    pub fn request_method(&self) -> &str {
        &self.sent.method
    }

    /// The fields with which it was asked: as [`Response::request_headers`].
    pub fn request_headers(&self) -> &Headers {
        &self.sent.headers
    }

    /// From the start of the request to the end of this head.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Where the time went; `total` ends where this redirect was followed.
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// Status line and fields.
    #[doc(hidden)]
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The request as it went out.
    #[doc(hidden)]
    pub fn sent(&self) -> &RequestHead {
        &self.sent
    }
}

/// A response taken apart, for faces that have a type of their own.
#[doc(hidden)]
pub struct Parts<N: Net> {
    pub head: ResponseHead,
    pub url: Url,
    pub sent: RequestHead,
    pub redirects: Vec<Redirect>,
    pub retries: Vec<Retried>,
    /// When the call began, and when the head was there.
    pub started: Instant,
    pub answered: Instant,
    pub incoming: Box<Incoming<N>>,
}

impl<N: Net> Response<N> {
    pub(crate) fn new(head: ResponseHead, url: Url, past: Past, incoming: Box<Incoming<N>>) -> Response<N> {
        Response { head, url, past, incoming }
    }

    /// The status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// True for a status below 400.
    pub fn ok(&self) -> bool {
        self.head.status < 400
    }

    /// The reason phrase as it came; bytes that are not UTF-8 are replaced.
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.head.reason)
    }

    /// The version of the protocol that the server spoke.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The fields, in their order and case.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The first field of that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get_str(name)
    }

    /// The URL that answered: the last one, where redirects were followed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The method with which this answer was asked for: behind a redirect, perhaps another one than the caller's.
    pub fn request_method(&self) -> &str {
        &self.past.sent.method
    }

    /// The fields that were sent to [`Response::url`]: the caller's, and those that the client added, such as Host, Cookie and
    /// credentials.
    pub fn request_headers(&self) -> &Headers {
        &self.past.sent.headers
    }

    /// The redirects that were followed, in order.
    pub fn history(&self) -> &[Redirect] {
        &self.past.redirects
    }

    /// How often the request was tried: 1, and one more for each retry. Redirects do not count.
    pub fn attempts(&self) -> u32 {
        self.past.retries.len() as u32 + 1
    }

    /// The attempts that failed before this answer, in order.
    pub fn retries(&self) -> &[Retried] {
        &self.past.retries
    }

    /// From the start of the request, redirects included, to the end of this head.
    pub fn elapsed(&self) -> Duration {
        self.past.answered - self.past.started
    }

    /// Where the time went: waiting for a turn, resolving, connecting, TLS, the first byte, and all in all.
    pub fn timings(&self) -> Timings {
        self.incoming.timings(self.past.started, self.past.answered)
    }

    /// How the connection was encrypted: version, cipher suite, the server's certificates; `None` for `http`.
    ///
    /// Behind a proxy this is the connection to the server, not the one to the proxy.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.incoming.tls()
    }

    /// The fields behind a chunked body, once it was read to its end.
    pub fn trailers(&self) -> Option<&Headers> {
        self.incoming.trailers()
    }

    /// The body as every net reads it; what the faces offer is made of it.
    #[doc(hidden)]
    pub fn incoming(&mut self) -> &mut Incoming<N> {
        &mut self.incoming
    }

    /// All that it holds.
    #[doc(hidden)]
    pub fn into_parts(self) -> Parts<N> {
        let Response { head, url, past: Past { sent, redirects, retries, started, answered }, incoming } =
            self;
        Parts { head, url, sent, redirects, retries, started, answered, incoming }
    }

    pub(crate) fn decode_text(&self, bytes: Vec<u8>) -> String {
        text::decode(self.header("Content-Type"), bytes)
    }

    #[cfg(feature = "json")]
    pub(crate) fn decode_json<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(Kind::InvalidContent)
                .expected("JSON")
                .seen(entreat_core::error::excerpt(bytes))
                .with_source(error)
                .with_url(self.url.as_str())
        })
    }
}

impl Response {
    /// The body as bytes, decoded by its Content-Encoding.
    ///
    /// # Errors
    /// A body cut short or corrupt, a time-out, a limit.
    pub fn bytes(mut self) -> Result<Vec<u8>> {
        block(pin!(self.incoming.read_to_end()))
    }

    /// The body as text, by the charset of its Content-Type, else UTF-8; what cannot be decoded is replaced.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub fn text(mut self) -> Result<String> {
        let bytes = block(pin!(self.incoming.read_to_end()))?;
        Ok(self.decode_text(bytes))
    }

    /// The body as a value read from JSON.
    ///
    /// # Errors
    /// As [`Response::bytes`]; [`Kind::InvalidContent`] where it is not the JSON that `T` wants.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T> {
        let bytes = block(pin!(self.incoming.read_to_end()))?;
        self.decode_json(&bytes)
    }

    /// The body as it comes in. Errors of the reader carry an [`Error`](crate::Error) inside.
    pub fn reader(&mut self) -> Reader<'_> {
        Reader(&mut self.incoming)
    }
}

/// Reads a response's body, decoded, as it comes in.
pub struct Reader<'a>(&'a mut Incoming<Blocking>);

impl io::Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        block(pin!(self.0.read(into))).map_err(consume::inside)
    }
}

impl<N: Net> fmt::Debug for Response<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} {} {:?})", self.status(), self.url, self.headers())
    }
}
