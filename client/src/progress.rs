//! Somebody who is told how far a transfer has come: of a body on its way out, or of a download.

use crate::body::{AsyncSource, Body, Content, Reading, rewind_inner};
#[cfg(doc)]
use entreat_core::Kind;
use entreat_core::exchange::BodyLength;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes that were transferred, those of an earlier attempt among them where a download was resumed.
    pub done: u64,
    /// All of them, where that is known.
    pub total: Option<u64>,
}

/// Who is told.
#[derive(Clone)]
pub(crate) struct Listener(Arc<dyn Fn(Progress) -> io::Result<()> + Send + Sync>);

impl Listener {
    pub(crate) fn new(listener: impl Fn(Progress) -> io::Result<()> + Send + Sync + 'static) -> Listener {
        Listener(Arc::new(listener))
    }

    pub(crate) fn tell(&self, done: u64, total: Option<u64>) -> io::Result<()> {
        (self.0)(Progress { done, total })
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Body {
    /// The same body, with somebody who is told how much of it was sent, piece by piece, in the middle of the sending: it
    /// should be quick. Where the body is sent again, by a redirect or a retry, it begins anew at 0.
    ///
    /// ```
    /// # use entreat::{Client, Config, mock::Mock};
    /// # let mock = Mock::new();
    /// # mock.on("PUT", "/");
    /// # let client = Client::with_transport(mock, Config::new())?;
    /// use entreat::{Body, Request};
    /// let body = Body::from("text").on_progress(|progress| println!("{} of {:?}", progress.done, progress.total));
    /// client.send(Request::put("http://example.org/").body(body))?;
    /// # Ok::<(), entreat::Error>(())
    /// ```
    pub fn on_progress(self, listener: impl Fn(Progress) + Send + Sync + 'static) -> Body {
        self.try_on_progress(move |progress| {
            listener(progress);
            Ok(())
        })
    }

    /// The same, with somebody who may break the sending off: as a source that fails, with [`Kind::InvalidBody`].
    pub fn try_on_progress(
        self,
        listener: impl Fn(Progress) -> io::Result<()> + Send + Sync + 'static,
    ) -> Body {
        let length = match (&self.0, self.length()) {
            (Content::Empty, _) => return self,
            (_, BodyLength::Known(length)) => Some(length),
            (_, BodyLength::None | BodyLength::Unknown) => None,
        };
        let (suspends, listener) = (self.suspends(), Listener::new(listener));
        let watched = Watched { body: self, reading: None, given: 0, is_told: true, length, listener };
        Body::polled(watched, length, suspends)
    }
}

/// A body that tells how much of it was asked for: what was read is what the sender has put on its way.
struct Watched {
    body: Body,
    /// Absent before the first read.
    reading: Option<Reading>,
    given: u64,
    /// Nothing was given since somebody was told.
    is_told: bool,
    length: Option<u64>,
    listener: Listener,
}

impl AsyncSource for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let watched = &mut *self;
        let reading = match &mut watched.reading {
            Some(reading) => reading,
            None => watched.reading.insert(Reading::of(&watched.body).map_err(io::Error::other)?),
        };
        if !watched.is_told {
            // Whoever asks for more has sent what came before.
            watched.is_told = true;
            watched.listener.tell(watched.given, watched.length)?;
        }
        let count = ready!(reading.poll_read(context, into))?;
        watched.given += count as u64;
        watched.is_told = false;
        Poll::Ready(Ok(count))
    }

    fn rewind(mut self: Pin<&mut Self>) -> io::Result<bool> {
        (self.reading, self.given, self.is_told) = (None, 0, true);
        rewind_inner(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{Mock, Reply};
    use crate::{Client, Config, Request};
    use std::sync::Mutex;

    fn told(body: Body, mock: Mock) -> Vec<Progress> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&notes);
        let body = body.on_progress(move |progress| seen.lock().unwrap().push(progress));
        let client = Client::with_transport(mock, Config::new()).unwrap();
        client.send(Request::put("http://a.test/").body(body)).unwrap();
        notes.lock().unwrap().clone()
    }

    #[test]
    fn an_upload_tells_how_far_it_has_come_and_that_it_is_done() {
        let mock = Mock::new();
        mock.on("PUT", "/");
        let notes = told(Body::from(vec![b'x'; 100_000]), mock);
        assert!(notes.len() >= 2 && notes.is_sorted_by_key(|progress| progress.done), "{notes:?}");
        assert_eq!(notes.last(), Some(&Progress { done: 100_000, total: Some(100_000) }));
    }

    #[test]
    fn a_body_that_is_sent_again_begins_anew() {
        let mock = Mock::new();
        mock.on("PUT", "/").reply(Reply::status(307).header("Location", "/b"));
        mock.on("PUT", "/b");
        let notes = told(Body::from("abc"), mock.clone());
        let whole = Progress { done: 3, total: Some(3) };
        assert_eq!(notes, [whole, whole]);
        assert_eq!(mock.requests()[1].text(), "abc");
    }
}
