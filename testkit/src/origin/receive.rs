//! From bytes to [`Request`]: the head as it came, the body by `Content-Length` or in chunks, with its trailers
//! (RFC 9112 sections 2, 6 and 7). Strict where two readers could differ: such a message is refused with a reason.

use std::io;

use bytes::{Buf as _, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connection::Facts;
use super::message::Request;

/// Longest head, and longest line of a chunk's size or of a trailer.
const HEAD_LIMIT: usize = 1 << 20;
const HEADER_LIMIT: usize = 1024;

#[derive(Debug)]
pub(super) enum Refusal {
    /// The client's message makes no sense: it is told why.
    Unreadable(&'static str),
    /// The connection failed or ended within a message: nobody is left to tell.
    Broken,
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

pub(super) struct Receiver<S> {
    stream: S,
    /// Read from the stream, not consumed yet.
    pending: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, pending: BytesMut::new() }
    }

    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The next request; `None` when the client has closed the connection between two.
    pub(super) async fn request(&mut self, facts: &Facts, number: u64) -> Result<Option<Request>, Refusal> {
        let Some(head) = self.head().await? else { return Ok(None) };
        let mut request = parse_head(head, facts, number)?;
        let framing = framing(&request)?;
        if framing != Framing::Length(0) && request.header_lists("Expect", "100-continue") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            self.stream.flush().await?;
        }
        match framing {
            Framing::Length(length) => request.body = self.take(length).await?,
            Framing::Chunked => {
                request.body = self.chunks().await?;
                request.trailers = self.trailers().await?;
            }
        }
        Ok(Some(request))
    }

    async fn head(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let mut searched = 0;
        loop {
            // RFC 9112 section 2.2: "ignore at least one empty line (CRLF) received prior to the request-line".
            while self.pending.starts_with(b"\r\n") {
                self.pending.advance(2);
            }
            if let Some(found) = memmem::find(&self.pending[searched..], b"\r\n\r\n") {
                return Ok(Some(self.pending.split_to(searched + found + 4).to_vec()));
            }
            searched = self.pending.len().saturating_sub(3);
            if self.pending.len() > HEAD_LIMIT {
                return Err(Refusal::Unreadable("The head is too long."));
            }
            if !self.fill().await? {
                return if self.pending.is_empty() { Ok(None) } else { Err(ended()) };
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            let digits = std::str::from_utf8(size)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let size = digits.and_then(|text| usize::from_str_radix(text, 16).ok());
            match size.ok_or(Refusal::Unreadable("A chunk's size is not a number."))? {
                0 => return Ok(body),
                size => body.extend(self.take(size).await?),
            }
            if !self.line().await?.is_empty() {
                return Err(Refusal::Unreadable("A chunk is longer than its size says."));
            }
        }
    }

    async fn trailers(&mut self) -> Result<Vec<(String, String)>, Refusal> {
        let mut trailers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(trailers);
            }
            let line = latin_1(&line);
            let (name, value) = line.split_once(':').ok_or(Refusal::Unreadable("A trailer has no colon."))?;
            trailers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// A line without its CRLF.
    async fn line(&mut self) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(end) = memmem::find(&self.pending, b"\r\n") {
                let line = self.pending.split_to(end).to_vec();
                self.pending.advance(2);
                return Ok(line);
            }
            if self.pending.len() > HEAD_LIMIT {
                return Err(Refusal::Unreadable("A line is too long."));
            }
            if !self.fill().await? {
                return Err(ended());
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Refusal> {
        while self.pending.len() < length {
            if !self.fill().await? {
                return Err(ended());
            }
        }
        Ok(self.pending.split_to(length).to_vec())
    }

    /// Reads what is there; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.pending.reserve(65536);
        Ok(self.stream.read_buf(&mut self.pending).await? > 0)
    }
}

#[derive(PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// RFC 9112 section 6.3, for requests.
fn framing(request: &Request) -> Result<Framing, Refusal> {
    let mut lengths = request.header_values("Content-Length");
    let length = lengths.next();
    if lengths.any(|other| Some(other) != length) {
        return Err(Refusal::Unreadable("Two values of Content-Length differ."));
    }
    match (request.header("Transfer-Encoding"), length) {
        (Some(_), Some(_)) => {
            Err(Refusal::Unreadable("Transfer-Encoding and Content-Length exclude each other."))
        }
        (Some(coding), None) if coding.trim().eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (Some(_), None) => Err(Refusal::Unreadable("The transfer coding is not known.")),
        (None, None) => Ok(Framing::Length(0)),
        (None, Some(length)) => {
            let digits = Some(length).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok());
            length.map(Framing::Length).ok_or(Refusal::Unreadable("Content-Length is not a number."))
        }
    }
}

fn parse_head(head: Vec<u8>, facts: &Facts, number: u64) -> Result<Request, Refusal> {
    let mut fields = vec![httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(&head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refusal::Unreadable("The head ends too early.")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::Unreadable("There are too many headers."));
        }
        Err(_) => return Err(Refusal::Unreadable("The head is not HTTP.")),
    }
    let headers = parsed.headers.iter().map(|field| (field.name.to_owned(), latin_1(field.value))).collect();
    Ok(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        version: parsed.version.unwrap_or(1),
        headers,
        head,
        body: Vec::new(),
        trailers: Vec::new(),
        peer: facts.peer,
        secure: facts.secure,
        connection: facts.number,
        number,
    })
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn ended() -> Refusal {
    Refusal::Broken
}
