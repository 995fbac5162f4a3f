//! Ways to use up a body that is not wanted whole in memory: into a writer, into a file, line by line.
//!
//! Over `Incoming`, which knows where the body ends and that nothing is missing; the faces differ only in what waits.

use crate::net::Net;
use crate::net::blocking::{Blocking, block};
use crate::response::Response;
use crate::text;
use entreat_core::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes read and written at once.
pub(crate) const PIECE: usize = 64 * 1024;

/// Bytes read at once for lines: whole lines are wanted soon.
const LINE_PIECE: usize = 8 * 1024;

impl Response {
    /// Writes the body, decoded, into `writer` as it comes in, and says how many bytes that were.
    ///
    /// # Errors
    /// The writer's; those of the exchange are inside, as with [`Response::reader`]. What was written before stays.
    pub fn copy_to(&mut self, writer: &mut (impl Write + ?Sized)) -> io::Result<u64> {
        let (mut piece, mut copied) = (vec![0; PIECE], 0);
        loop {
            let count = block(self.incoming().read(&mut piece)).map_err(inside)?;
            if count == 0 {
                return Ok(copied);
            }
            writer.write_all(&piece[..count])?;
            copied += count as u64;
        }
    }

    /// Writes the body, decoded, into a file at `path`, made or emptied first, and says how many bytes that were.
    ///
    /// # Errors
    /// As [`Response::copy_to`]. After one the file holds what had come.
    pub fn save(&mut self, path: impl AsRef<Path>) -> io::Result<u64> {
        self.copy_to(&mut File::create(path)?)
    }

    /// The body line by line as it comes in, without line ends, which are LF or CRLF. For charsets whose line ends are
    /// those of ASCII: all but UTF-16. Lines may be as long as `max_body` allows.
    ///
    /// ```
    /// # use entreat::{Client, Config, mock::Mock};
    /// # let mock = Mock::new();
    /// # mock.on("GET", "/events").reply("one\r\ntwo\n");
    /// # let client = Client::with_transport(mock, Config::new())?;
    /// let mut response = client.get("http://example.org/events")?;
    /// for line in response.lines() {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), entreat::Error>(())
    /// ```
    pub fn lines(&mut self) -> Lines<'_> {
        Lines::new(self)
    }
}

/// The lines of a body as it comes in. After an error there are no more.
pub struct Lines<'a, N: Net = Blocking> {
    response: &'a mut Response<N>,
    /// Received; lines up to `given` were given.
    buffer: Vec<u8>,
    given: usize,
    /// What was looked at without finding a line end.
    searched: usize,
    ended: bool,
}

impl<'a, N: Net> Lines<'a, N> {
    pub(crate) fn new(response: &'a mut Response<N>) -> Lines<'a, N> {
        Lines { response, buffer: Vec::new(), given: 0, searched: 0, ended: false }
    }

    /// The next line. May be cancelled at its await, and called again.
    pub(crate) async fn advance(&mut self) -> Result<Option<String>> {
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(found) = found {
                let end = self.searched + found;
                let line = self.line(end);
                (self.given, self.searched) = (end + 1, end + 1);
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.ended {
                let last = (self.given < self.buffer.len()).then(|| self.line(self.buffer.len()));
                self.given = self.buffer.len();
                return Ok(last);
            }
            self.buffer.drain(..self.given);
            (self.given, self.searched) = (0, self.buffer.len());
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        // Behind what is there only once it has come: a read that is cancelled leaves nothing.
        let mut piece = vec![0; LINE_PIECE];
        match self.response.incoming().read(&mut piece).await {
            Ok(count) => {
                self.ended = count == 0;
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) => {
                self.ended = true;
                self.buffer.clear();
                (self.given, self.searched) = (0, 0);
                Err(error)
            }
        }
    }

    fn line(&self, end: usize) -> String {
        let line = &self.buffer[self.given..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        text::decode(self.response.header("Content-Type"), line.to_vec())
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        block(self.advance()).transpose()
    }
}

/// An error of the exchange as one of a reader.
pub(crate) fn inside(error: Error) -> io::Error {
    let kind = if error.is_timeout() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
    io::Error::new(kind, error)
}
