//! The body of a request: bytes, or a source that is read while it is sent.
//!
//! Cheap to clone, so that a request can be kept and sent again. Sources are shared between the clones: one that
//! was read cannot be sent again unless it can be rewound, and then the error says so.
//!
//! Inside, every source is polled ([`AsyncSource`]); one that blocks ([`Source`]) is ready at each poll. Which clients
//! may send a body that makes them wait for its pieces, `session` decides.

use entreat_core::exchange::BodyLength;
use entreat_core::{Error, Kind, Result};
use std::error::Error as StdError;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

#[cfg(feature = "aio")]
mod asynchronous;

/// What a request carries.
///
/// ```
/// use entreat::Body;
/// let bytes = Body::from("text");
/// let stream = Body::reader(std::io::empty()); // length unknown: sent in chunks
/// # let _ = (bytes, stream);
/// ```
#[derive(Clone, Default)]
pub struct Body(pub(crate) Content);

#[derive(Clone, Default)]
pub(crate) enum Content {
    #[default]
    Empty,
    Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>),
    Stream(Stream),
}

/// A source behind a lock, taken out while it is being sent.
#[derive(Clone)]
pub(crate) struct Stream {
    length: Option<u64>,
    /// Its pieces may have to be waited for without blocking the thread.
    suspends: bool,
    slot: Arc<Mutex<Slot>>,
}

/// A source as it is read.
pub(crate) type Polled = Pin<Box<dyn AsyncSource>>;

struct Slot {
    /// Absent while it is being sent.
    source: Option<Polled>,
    /// It was read from: it must be rewound before it is sent again.
    touched: bool,
}

/// Where a streamed body comes from.
pub trait Source: Send {
    /// Reads the next bytes; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Goes back to the start: true where that worked. Called before the body is sent a second time.
    fn rewind(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// Where a streamed body comes from that is waited for without blocking a thread: for clients whose requests are futures.
/// Streams and readers of tokio's are such sources (`Body::stream`, `Body::async_reader`, feature `aio`).
pub trait AsyncSource: Send {
    /// Reads the next bytes; 0 at the end. Where there are none yet, the context's waker is to be woken when there are.
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8])
    -> Poll<io::Result<usize>>;

    /// Goes back to the start: true where that worked. Called before the body is sent a second time.
    fn rewind(self: Pin<&mut Self>) -> io::Result<bool> {
        Ok(false)
    }
}

/// A source that blocks: it is ready whenever it is polled.
struct AtOnce<S>(S);

impl<S> Unpin for AtOnce<S> {}

impl<S: Source> AsyncSource for AtOnce<S> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn rewind(mut self: Pin<&mut Self>) -> io::Result<bool> {
        self.0.rewind()
    }
}

/// A reader that is read once.
struct Once<R>(R);

impl<R: Read + Send> Source for Once<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// A part of a file, as long as it was when it was measured: what is appended meanwhile belongs to nobody's length.
struct Section {
    file: File,
    start: u64,
    length: u64,
    left: u64,
}

impl Source for Section {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.file).take(self.left).read(into)?;
        self.left -= count as u64;
        Ok(count)
    }

    fn rewind(&mut self) -> io::Result<bool> {
        self.left = self.length;
        self.file.seek(SeekFrom::Start(self.start)).map(|_| true)
    }
}

/// The pieces of an iterator, one after the other.
struct Chunks<I, B> {
    pieces: I,
    piece: Option<B>,
    given: usize,
}

impl<I, B, E> Source for Chunks<I, B>
where
    I: Iterator<Item = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.piece.as_ref().map_or(&[][..], |piece| &piece.as_ref()[self.given..]);
            if !rest.is_empty() {
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                self.given += count;
                return Ok(count);
            }
            match self.pieces.next() {
                None => return Ok(0),
                Some(piece) => (self.piece, self.given) = (Some(piece.map_err(io::Error::other)?), 0),
            }
        }
    }
}

impl Body {
    /// No body.
    pub const fn empty() -> Body {
        Body(Content::Empty)
    }

    /// Bytes owned by whatever keeps them, sent without a copy.
    pub fn from_owner(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Body {
        Body(Content::Bytes(Arc::new(owner)))
    }

    /// A reader of unknown length, sent in chunks. It cannot be sent a second time, as a redirect may ask.
    pub fn reader(reader: impl Read + Send + 'static) -> Body {
        Body::source(Once(reader), None)
    }

    /// A reader of which exactly `length` bytes are sent.
    pub fn sized_reader(reader: impl Read + Send + 'static, length: u64) -> Body {
        Body::source(Once(reader), Some(length))
    }

    /// The pieces of an iterator, asked for while the body is sent, in chunks: see [`Body::try_chunks`].
    ///
    /// ```
    /// let numbers = (0..1000).map(|number| format!("{number}\n"));
    /// let request = entreat::Request::put("http://example.org/").body(entreat::Body::chunks(numbers));
    /// ```
    pub fn chunks<I, B>(pieces: I) -> Body
    where
        I: IntoIterator<Item = B>,
        I::IntoIter: Send + 'static,
        B: AsRef<[u8]> + Send + 'static,
    {
        Body::try_chunks(pieces.into_iter().map(Ok::<B, io::Error>))
    }

    /// The pieces of an iterator that may fail. An error breaks the request off, and its connection, so that the server
    /// cannot take what it has for the whole: [`Kind::InvalidBody`] with that error as its source.
    ///
    /// Of unknown length, unless [`Body::sized`] says it. Empty pieces are passed over. It cannot be sent a second
    /// time, as a redirect or a retry may ask.
    pub fn try_chunks<I, B, E>(pieces: I) -> Body
    where
        I: IntoIterator<Item = Result<B, E>>,
        I::IntoIter: Send + 'static,
        B: AsRef<[u8]> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Body::source(Chunks { pieces: pieces.into_iter(), piece: None, given: 0 }, None)
    }

    /// The same body with its length announced, instead of sent in chunks. A source that gives another number of bytes
    /// breaks the request off, with [`Kind::InvalidBody`]. Bytes know their length themselves.
    pub fn sized(mut self, length: u64) -> Body {
        match &mut self.0 {
            Content::Empty | Content::Bytes(_) => {}
            Content::Stream(stream) => stream.length = Some(length),
        }
        self
    }

    /// A source of one's own; `length` in bytes where it is known.
    pub fn source(source: impl Source + 'static, length: Option<u64>) -> Body {
        Body::polled(AtOnce(source), length, false)
    }

    /// The same of a source that is waited for without blocking a thread. Only clients whose requests are futures send
    /// it; the blocking one refuses it, with [`Kind::InvalidBody`].
    ///
    /// While its next piece is waited for, a server that refuses the body or closes is heard, and the write time-out
    /// runs. An error of the source breaks the request off, and its connection: [`Kind::InvalidBody`] with that error as
    /// its source.
    pub fn async_source(source: impl AsyncSource + 'static, length: Option<u64>) -> Body {
        Body::polled(source, length, true)
    }

    /// A source, and whether it may have to be waited for.
    pub(crate) fn polled(source: impl AsyncSource + 'static, length: Option<u64>, suspends: bool) -> Body {
        let slot = Slot { source: Some(Box::pin(source)), touched: false };
        Body(Content::Stream(Stream { length, suspends, slot: Arc::new(Mutex::new(slot)) }))
    }

    /// An open file, from where it stands to where it ends now. Rewound where the body must be sent again. A pipe or a
    /// device is sent in chunks, once.
    ///
    /// # Errors
    /// [`Kind::InvalidBody`] where its size or position cannot be found.
    pub fn file(mut file: File) -> Result<Body> {
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Ok(Body::reader(file));
        }
        let start = file.stream_position().map_err(unreadable)?;
        let length = metadata.len().saturating_sub(start);
        Ok(Body::source(Section { file, start, length, left: length }, Some(length)))
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`Kind::InvalidBody`] where it cannot be read.
    pub fn path(path: impl AsRef<Path>) -> Result<Body> {
        let path = path.as_ref();
        let open = || match path.metadata()?.is_dir() {
            true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            false => File::open(path),
        };
        Body::file(open().map_err(|error| unreadable(error).seen(path.display().to_string()))?)
    }

    /// Its length, as far as it is known.
    pub fn length(&self) -> BodyLength {
        match &self.0 {
            Content::Empty => BodyLength::None,
            Content::Bytes(bytes) => BodyLength::Known((**bytes).as_ref().len() as u64),
            Content::Stream(stream) => stream.length.map_or(BodyLength::Unknown, BodyLength::Known),
        }
    }

    /// True where it is there as a whole, and so can be sent any number of times.
    pub(crate) fn is_in_memory(&self) -> bool {
        match &self.0 {
            Content::Empty | Content::Bytes(_) => true,
            Content::Stream(_) => false,
        }
    }

    /// Makes sure that the body can be sent from its start; called before it is sent again.
    ///
    /// # Errors
    /// [`Kind::UnrewindableBody`]; [`Kind::InvalidBody`] where rewinding failed.
    pub(crate) fn rewind(&self) -> Result<()> {
        match &self.0 {
            Content::Empty | Content::Bytes(_) => Ok(()),
            Content::Stream(stream) => stream.slot().rewind(),
        }
    }

    /// True where its pieces may have to be waited for without blocking the thread.
    pub(crate) fn suspends(&self) -> bool {
        match &self.0 {
            Content::Empty | Content::Bytes(_) => false,
            Content::Stream(stream) => stream.suspends,
        }
    }

    /// All of it, where it need not be read first.
    pub(crate) fn in_memory(&self) -> Option<&[u8]> {
        match &self.0 {
            Content::Empty => Some(b""),
            Content::Bytes(owner) => Some((**owner).as_ref()),
            Content::Stream(_) => None,
        }
    }
}

/// A body that is read inside of another one, from its start to its end: part of a form, or what is compressed.
pub(crate) enum Reading {
    Bytes { owner: Arc<dyn AsRef<[u8]> + Send + Sync>, given: usize },
    Stream { stream: Stream, source: Option<Polled>, given: u64 },
    Ended,
}

impl Reading {
    pub(crate) fn of(body: &Body) -> Result<Reading> {
        Ok(match &body.0 {
            Content::Empty => Reading::Ended,
            Content::Bytes(owner) => Reading::Bytes { owner: Arc::clone(owner), given: 0 },
            Content::Stream(stream) => {
                Reading::Stream { source: Some(stream.take()?), stream: stream.clone(), given: 0 }
            }
        })
    }

    /// As [`AsyncSource::poll_read`]; an error where it is not as long as it says, since its neighbours would make up for
    /// that.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(match self {
            Reading::Bytes { owner, given } => {
                let rest = &(**owner).as_ref()[*given..];
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                *given += count;
                Ok(count)
            }
            Reading::Stream { stream, source: Some(source), given } => {
                let count = ready!(source.as_mut().poll_read(context, into))?.min(into.len());
                *given += count as u64;
                match stream.length {
                    Some(length) if *given > length || (count == 0 && *given < length) => {
                        let what = format!("a part of {length} bytes gave {given}");
                        Err(io::Error::new(io::ErrorKind::InvalidData, what))
                    }
                    Some(_) | None => Ok(count),
                }
            }
            Reading::Stream { source: None, .. } | Reading::Ended => Ok(0),
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Reading::Stream { stream, source, .. } = self
            && let Some(source) = source.take()
        {
            stream.put_back(source);
        }
    }
}

/// Rewinds a body inside of another one: as [`AsyncSource::rewind`].
pub(crate) fn rewind_inner(body: &Body) -> io::Result<bool> {
    match body.rewind() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == Kind::UnrewindableBody => Ok(false),
        Err(error) => Err(io::Error::other(error)),
    }
}

impl Stream {
    /// Takes the source out to be read from its start.
    pub(crate) fn take(&self) -> Result<Polled> {
        let mut slot = self.slot();
        slot.rewind()?;
        slot.touched = true;
        slot.source.take().ok_or_else(in_use)
    }

    pub(crate) fn put_back(&self, source: Polled) {
        self.slot().source = Some(source);
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn rewind(&mut self) -> Result<()> {
        let source = self.source.as_mut().ok_or_else(in_use)?;
        if self.touched && !source.as_mut().rewind().map_err(unreadable)? {
            return Err(Error::new(Kind::UnrewindableBody)
                .expected("a body of bytes, or a source that can be rewound")
                .seen("a stream that was read before"));
        }
        self.touched = false;
        Ok(())
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::new(Kind::InvalidBody).expected("a readable file").with_source(error)
}

fn in_use() -> Error {
    Error::new(Kind::UnrewindableBody).seen("another request is sending the same body, or its sender gave up")
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Body::from_owner(text)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::from_owner(text)
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Body {
        Body::from_owner(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::from_owner(bytes)
    }
}

/// Shows the length, never the content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?})", self.length())
    }
}
