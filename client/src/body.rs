//! The body of a request: bytes, or a source that is read while it is sent.
//!
//! Cheap to clone, so that a request can be kept and sent again. Sources are shared between the clones: one that
//! was read cannot be sent again unless it can be rewound, and then the error says so.

use entreat_core::exchange::BodyLength;
use entreat_core::{Error, Kind, Result};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    slot: Arc<Mutex<Slot>>,
}

struct Slot {
    /// Absent while it is being sent.
    source: Option<Box<dyn Source>>,
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

/// A reader that is read once.
struct Once<R>(R);

impl<R: Read + Send> Source for Once<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// A reader that can go back to where it stood.
struct Seekable<R> {
    reader: R,
    start: u64,
}

impl<R: Read + Seek + Send> Source for Seekable<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }

    fn rewind(&mut self) -> io::Result<bool> {
        self.reader.seek(SeekFrom::Start(self.start)).map(|_| true)
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

    /// A source of one's own; `length` in bytes where it is known.
    pub fn source(source: impl Source + 'static, length: Option<u64>) -> Body {
        let slot = Slot { source: Some(Box::new(source)), touched: false };
        Body(Content::Stream(Stream { length, slot: Arc::new(Mutex::new(slot)) }))
    }

    /// An open file, from where it stands to its end. Rewound where the body must be sent again.
    ///
    /// # Errors
    /// [`Kind::InvalidBody`] where its size or position cannot be found.
    pub fn file(mut file: File) -> Result<Body> {
        let mut measure =
            || -> io::Result<(u64, u64)> { Ok((file.stream_position()?, file.metadata()?.len())) };
        let (start, size) = measure().map_err(unreadable)?;
        Ok(Body::source(Seekable { reader: file, start }, Some(size.saturating_sub(start))))
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
}

impl Stream {
    /// Takes the source out to be read from its start.
    pub(crate) fn take(&self) -> Result<Box<dyn Source>> {
        let mut slot = self.slot();
        slot.rewind()?;
        slot.touched = true;
        slot.source.take().ok_or_else(in_use)
    }

    pub(crate) fn put_back(&self, source: Box<dyn Source>) {
        self.slot().source = Some(source);
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn rewind(&mut self) -> Result<()> {
        let source = self.source.as_mut().ok_or_else(in_use)?;
        if self.touched && !source.rewind().map_err(unreadable)? {
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
