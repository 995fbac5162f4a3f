//! A form with files, `multipart/form-data` (RFC 7578), read from its parts while it is sent.
//!
//! A form is a body made of other bodies, and takes no more memory than they do, whatever their size. Its length is
//! known where that of all of them is, and it can be sent again where all of them can. What stands between the parts is
//! core's `multipart`.

use crate::body::{AsyncSource, Body, Content, Reading, rewind_inner};
use crate::random;
use entreat_core::exchange::BodyLength;
use entreat_core::multipart::{Boundary, PART_END};
use entreat_core::{Error, Headers, Kind, Result};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// A form up to this size, of parts in memory, is one piece of memory as well: sent in one write with its head.
const JOINED: u64 = 16 * 1024;

/// A form under construction, for [`Request::multipart`](crate::Request::multipart).
///
/// Setters chain; the first mistake among their arguments comes back from whoever sends the form.
///
/// ```
/// use entreat::{Form, Part, Request};
/// let picture = Part::new(vec![0x89, b'P', b'N', b'G']).file_name("cat.png").media_type("image/png");
/// let form = Form::new().text("name", "John").part("picture", picture);
/// let request = Request::post("http://example.org/cats").multipart(form);
/// ```
#[derive(Debug)]
pub struct Form {
    boundary: Boundary,
    pieces: Vec<Body>,
    error: Option<Error>,
}

/// One field of a [`Form`]: its content, and what is said about it.
#[derive(Debug)]
pub struct Part {
    body: Body,
    file_name: Option<String>,
    headers: Headers,
    error: Option<Error>,
}

impl Form {
    /// Without any part.
    pub fn new() -> Form {
        let boundary = Boundary::new([random::word(), random::word()]);
        Form { boundary, pieces: Vec::new(), error: None }
    }

    /// Adds a field of text, which goes as UTF-8 and as it is: line ends are not changed.
    pub fn text(self, name: impl AsRef<str>, value: impl Into<String>) -> Form {
        self.part(name, Part::new(value.into()))
    }

    /// Adds the file at `path`, under its own name: [`Part::file`].
    pub fn file(self, name: impl AsRef<str>, path: impl AsRef<Path>) -> Form {
        self.part(name, Part::file(path))
    }

    /// Adds a part. Names may repeat; parts keep their order.
    pub fn part(mut self, name: impl AsRef<str>, part: Part) -> Form {
        let Part { body, file_name, headers, error } = part;
        let start = self.boundary.part_start(name.as_ref(), file_name.as_deref(), &headers);
        match (error, start) {
            (None, Ok(start)) => self.pieces.extend([start.into(), body, PART_END.into()]),
            (Some(error), _) | (None, Err(error)) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// The value of Content-Type that goes with this form's body, and with no other's.
    pub fn media_type(&self) -> String {
        self.boundary.media_type()
    }

    /// The body, for those who set Content-Type themselves.
    ///
    /// # Errors
    /// The first mistake among the parts: a file that cannot be read ([`Kind::InvalidBody`]), a header that cannot be
    /// sent.
    pub fn into_body(mut self) -> Result<Body> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.pieces.push(self.boundary.end().into());
        let length = length(&self.pieces);
        let in_memory = self.pieces.iter().all(|body| match body.0 {
            Content::Empty | Content::Bytes(_) => true,
            Content::Stream(_) => false,
        });
        let suspends = self.pieces.iter().any(Body::suspends);
        let mut joined = Joined { bodies: self.pieces, at: 0, reading: None };
        match length {
            Some(length) if in_memory && length <= JOINED => {
                let mut bytes = Vec::new();
                let read = io::copy(&mut Reader(&mut joined), &mut bytes);
                read.map_err(|error| Error::new(Kind::InvalidBody).with_source(error))?;
                Ok(bytes.into())
            }
            length => Ok(Body::polled(joined, length, suspends)),
        }
    }
}

impl Default for Form {
    fn default() -> Form {
        Form::new()
    }
}

impl Part {
    /// A part of text, bytes, or any other [`Body`]: of unknown length, too, which makes that of the form unknown.
    pub fn new(body: impl Into<Body>) -> Part {
        Part { body: body.into(), file_name: None, headers: Headers::new(), error: None }
    }

    /// The file at `path`, opened now and read while it is sent: under its own name, as `application/octet-stream`.
    pub fn file(path: impl AsRef<Path>) -> Part {
        let path = path.as_ref();
        let (body, error) = match Body::path(path) {
            Ok(body) => (body, None),
            Err(error) => (Body::empty(), Some(error)),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = Part { error, ..Part::new(body) };
        part.file_name(name).media_type("application/octet-stream")
    }

    /// The name of the file that this is: servers take parts without one for text. Quotes and line ends in it are
    /// escaped as browsers do.
    pub fn file_name(mut self, name: impl Into<String>) -> Part {
        self.file_name = Some(name.into());
        self
    }

    /// Its Content-Type. Without one a part is plain text (RFC 7578 section 4.4).
    pub fn media_type(self, media_type: impl AsRef<[u8]>) -> Part {
        self.header("Content-Type", media_type)
    }

    /// Sets a header of this part, in the place of one of that name.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Part {
        if let Err(error) = self.headers.set(name, value) {
            self.error.get_or_insert(error);
        }
        self
    }
}

/// Bodies one behind the other.
struct Joined {
    bodies: Vec<Body>,
    /// Which one is read, or comes next.
    at: usize,
    reading: Option<Reading>,
}

impl Joined {
    fn poll(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        while let Some(body) = self.bodies.get(self.at) {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                None => self.reading.insert(Reading::of(body).map_err(io::Error::other)?),
            };
            match ready!(reading.poll_read(context, into))? {
                0 => (self.reading, self.at) = (None, self.at + 1),
                count => return Poll::Ready(Ok(count)),
            }
        }
        Poll::Ready(Ok(0))
    }
}

impl AsyncSource for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, into)
    }

    fn rewind(mut self: Pin<&mut Self>) -> io::Result<bool> {
        (self.reading, self.at) = (None, 0);
        for body in &self.bodies {
            if !rewind_inner(body)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Bodies that are in memory, and so ready at each poll.
struct Reader<'a>(&'a mut Joined);

impl io::Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.poll(&mut Context::from_waker(Waker::noop()), into) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => unreachable!("bytes in memory are not waited for"),
        }
    }
}

/// The length of all, where that of each is known.
fn length(bodies: &[Body]) -> Option<u64> {
    bodies.iter().try_fold(0_u64, |sum, body| match body.length() {
        BodyLength::None => Some(sum),
        BodyLength::Known(length) => sum.checked_add(length),
        BodyLength::Unknown => None,
    })
}
