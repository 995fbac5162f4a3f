//! Bodies from what others call asynchronous: streams, and readers of tokio's.

use super::{AsyncSource, Body};
use entreat_core::Result;
use futures_core::Stream;
use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

impl Body {
    /// The pieces of a stream, asked for while the body is sent: see [`Body::async_source`], and [`Body::try_chunks`]
    /// for iterators.
    ///
    /// Of unknown length, so sent in chunks, unless [`Body::sized`] says it. Empty pieces are passed over. It cannot be
    /// sent a second time, as a redirect or a retry may ask. No piece is asked for before the one in front of it is on
    /// its way.
    pub fn stream<S, B, E>(pieces: S) -> Body
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: AsRef<[u8]> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Body::async_source(Pieces { stream: Box::pin(pieces), piece: None, given: 0 }, None)
    }

    /// A reader of tokio's, sent in chunks, unless [`Body::sized`] says how long it is. It cannot be sent a second time.
    pub fn async_reader(reader: impl AsyncRead + Send + 'static) -> Body {
        Body::async_source(Reader(Box::pin(reader)), None)
    }
}

struct Pieces<S, B> {
    stream: Pin<Box<S>>,
    piece: Option<B>,
    given: usize,
}

/// Neither the stream, which is in a box, nor a piece is ever pinned in here.
impl<S, B> Unpin for Pieces<S, B> {}

impl<S, B, E> AsyncSource for Pieces<S, B>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let rest = self.piece.as_ref().map_or(&[][..], |piece| &piece.as_ref()[self.given..]);
            if !rest.is_empty() {
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                self.given += count;
                return Poll::Ready(Ok(count));
            }
            // Not kept while the next one is waited for.
            self.piece = None;
            match ready!(self.stream.as_mut().poll_next(context)) {
                None => return Poll::Ready(Ok(0)),
                Some(piece) => (self.piece, self.given) = (Some(piece.map_err(io::Error::other)?), 0),
            }
        }
    }
}

struct Reader<R>(Pin<Box<R>>);

impl<R: AsyncRead + Send> AsyncSource for Reader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(self.0.as_mut().poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}
