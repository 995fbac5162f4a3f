//! Requests as they arrived and responses as data: what to send, in which framing, with which pauses.
//!
//! Routes take a [`Call`] and return a [`Response`]; only `connection` touches a socket or sleeps.
//! Framing words follow RFC 9112 section 6.

use std::net::IpAddr;
use std::time::Duration;

use super::Server;
use super::python::json::Json;
use super::python::percent;

#[derive(Debug)]
pub(super) struct Request {
    /// The head byte for byte, up to and with the empty line.
    pub(super) head: Vec<u8>,
    pub(super) method: String,
    /// The request target as sent.
    pub(super) target: String,
    /// The minor version: 0 or 1.
    pub(super) version: u8,
    /// In order, with the sender's spelling; values are ISO-8859-1.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, String)>,
    pub(super) peer: IpAddr,
    pub(super) secure: bool,
    /// Which connection since the start, counted from 1.
    pub(super) connection: u64,
    /// Which request on that connection, counted from 1.
    pub(super) number: u64,
}

impl Request {
    /// The header's values joined by a comma, as WSGI does; `None` if absent.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.header_values(name).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    pub(super) fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |header| header.0.eq_ignore_ascii_case(name))
            .map(|header| header.1.as_str())
    }

    /// Whether a comma-separated header lists this token.
    pub(super) fn header_lists(&self, name: &str, token: &str) -> bool {
        self.header_values(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// The host a client named: of an absolute target, else of the `Host` header; empty without either.
    pub(super) fn host(&self) -> String {
        let host = self.host_as_sent();
        let default_port = if self.secure { ":443" } else { ":80" };
        host.strip_suffix(default_port).unwrap_or(&host).to_ascii_lowercase()
    }

    pub(super) fn host_as_sent(&self) -> String {
        match self.absolute_target() {
            Some((host, _)) => host.to_owned(),
            None => self.header("Host").unwrap_or_default(),
        }
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The path, decoded, as routes see it.
    pub(super) fn path(&self) -> String {
        let path = self.path_and_query().split('?').next().unwrap_or_default();
        String::from_utf8_lossy(&percent::decode(path.as_bytes())).into_owned()
    }

    /// What follows the first `?`, as sent.
    pub(super) fn query(&self) -> &str {
        self.path_and_query().split_once('?').map_or("", |(_, query)| query)
    }

    /// The target without scheme, host and fragment, as sent.
    pub(super) fn path_and_query(&self) -> &str {
        let target = match self.absolute_target() {
            Some((_, rest)) => rest,
            None => &self.target,
        };
        target.split('#').next().unwrap_or_default()
    }

    fn absolute_target(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.target.split_once("://").filter(|_| !self.target.starts_with('/'))?;
        Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
    }
}

/// One request on its way through its route.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) server: &'a Server,
    /// What the route's placeholders matched, in order, decoded.
    pub(super) parameters: Vec<String>,
    pub(super) query: Vec<(String, String)>,
}

impl Call<'_> {
    pub(super) fn parameter(&self, index: usize) -> &str {
        self.parameters.get(index).map_or("", String::as_str)
    }

    /// A placeholder of digits; too many of them for 64 bits saturate.
    pub(super) fn integer(&self, index: usize) -> u64 {
        self.parameter(index).parse().unwrap_or(u64::MAX)
    }

    /// The query's first value of that name.
    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// As `argument`, whatever the case of the name.
    pub(super) fn argument_in_any_case(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|pair| pair.0.eq_ignore_ascii_case(name)).map(|pair| pair.1.as_str())
    }

    /// An argument read as a number; httpbin's own code raises on anything else.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, Raised> {
        self.argument_in_any_case(name).map_or(Ok(default), |text| text.trim().parse().map_err(|_| Raised))
    }
}

/// Where httpbin's Python would have raised: the client is answered with 500.
#[derive(Debug)]
pub(super) struct Raised;

pub(super) type Answer = Result<Response, Raised>;

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    /// How long to wait before the first byte.
    pub(super) delay: Duration,
    /// Sent before the response: 103 and the like.
    pub(super) interim: Vec<(u16, Vec<(String, String)>)>,
    /// Whether to end the connection, and say so.
    pub(super) close: bool,
}

pub(super) enum Body {
    /// With `Content-Length`.
    Whole(Vec<u8>),
    /// The fixed pattern, of that many bytes, with `Content-Length`.
    Pattern(u64),
    /// With a `Content-Length` among the headers, but written piece by piece.
    Announced(Pieces),
    Chunked {
        pieces: Pieces,
        trailers: Vec<(String, String)>,
    },
    /// Without a length: ends with the connection.
    UntilClose(Vec<u8>),
}

pub(super) type Pieces = Box<dyn Iterator<Item = Piece> + Send>;

pub(super) struct Piece {
    pub(super) pause_before: Duration,
    pub(super) bytes: Vec<u8>,
    pub(super) pause_after: Duration,
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self { pause_before: Duration::ZERO, bytes, pause_after: Duration::ZERO }
    }
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let response = Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(body.into()),
            delay: Duration::ZERO,
            interim: Vec::new(),
            close: false,
        };
        response.header("Content-Type", content_type)
    }

    pub(super) fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    pub(super) fn plain(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/plain; charset=utf-8", body)
    }

    pub(super) fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/octet-stream", body)
    }

    pub(super) fn json(value: &Json) -> Self {
        Self::new(200, "application/json", value.jsonify())
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::html("").with_status(status)
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; one of the same name stays.
    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|header| !header.0.eq_ignore_ascii_case(name));
        self
    }

    pub(super) fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

impl Body {
    pub(super) fn chunked(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Self {
        Self::Chunked { pieces: Box::new(pieces.map(Piece::from)), trailers: Vec::new() }
    }
}
