//! A request's way out on one connection: its head, and its body as far as the peer wants it.
//!
//! Called by `engine` for each attempt. Writes what it is told to and frames it; waits before the body where the request
//! asks whether it is wanted (RFC 9110 section 10.1.1), and listens meanwhile, so that a peer that refuses a large one is
//! heard (RFC 9112 section 9.5). What the answer means is not its affair.

use crate::body::{AsyncSource, Content};
use crate::connection::Connection;
use crate::engine::Outgoing;
use crate::net::Net;
use crate::rare::rarely;
use crate::receiver::{Permission, Receiver};
use entreat_core::exchange::BodyFraming;
use entreat_core::h1::{self, LAST_CHUNK};
use entreat_core::policy::expect;
use entreat_core::{Error, Kind, Result};
use std::pin::Pin;
use std::time::Instant;

/// A streamed body is read and sent in pieces of this size: few system calls, little memory.
const PIECE: usize = 128 * 1024;

/// A body of bytes up to this size goes out in one write with the head.
const JOINED: usize = 16 * 1024;

/// What became of a request on its way out.
pub(crate) enum Sent {
    Whole,
    /// The peer answered that it does not want the rest.
    Refused,
    /// The peer answered before any of the body was sent. It was announced all the same: what is sent next would be
    /// taken for it, so the connection cannot be used again.
    Withheld,
    /// The connection broke; the peer may have answered before, and that says more than our failed write.
    Broken(Error),
}

/// The request's way out on one connection.
pub(crate) struct Sender<'a, 'b, N: Net> {
    pub(crate) net: &'a N,
    pub(crate) connection: &'a mut Connection<N::Stream>,
    pub(crate) outgoing: &'a Outgoing<'a>,
    pub(crate) receiver: &'a mut Receiver<'b, N>,
}

impl<N: Net> Sender<'_, '_, N> {
    pub(crate) async fn send(&mut self, mut now: Instant) -> Result<Sent> {
        let outgoing = self.outgoing;
        let mut bytes = self.connection.take_head();
        h1::write_head(&mut bytes, outgoing.method, &outgoing.target(), outgoing.headers);
        if self.asks_first() {
            self.write(&bytes, now).await?;
            bytes.clear();
            match rarely(self.permission()).await? {
                Permission::Granted | Permission::Unanswered => now = self.net.now(),
                Permission::Answered => return Ok(Sent::Withheld),
            }
        }
        match &outgoing.body.0 {
            Content::Empty => {
                if outgoing.framing == BodyFraming::Chunked {
                    bytes.extend_from_slice(LAST_CHUNK);
                }
                let written = self.write(&bytes, now).await;
                self.connection.keep_head(bytes);
                written.map(|()| Sent::Whole)
            }
            Content::Bytes(body) => self.send_bytes(bytes, (**body).as_ref(), now).await,
            Content::Stream(stream) => {
                let mut source = stream.take()?;
                let sent = rarely(self.send_source(bytes, source.as_mut(), now)).await;
                stream.put_back(source);
                sent
            }
        }
    }

    /// True where there is a body, and the request asks whether it is wanted.
    fn asks_first(&self) -> bool {
        let outgoing = self.outgoing;
        let has_body =
            !matches!(outgoing.body.0, Content::Empty) && outgoing.framing != BodyFraming::Length(0);
        has_body && !outgoing.settings.messages.expect.wait.is_zero() && expect::is_expected(outgoing.headers)
    }

    async fn permission(&mut self) -> Result<Permission> {
        let until = self.net.now().checked_add(self.outgoing.settings.messages.expect.wait);
        self.receiver.permission(self.connection, until).await
    }

    async fn send_bytes(&mut self, mut head: Vec<u8>, body: &[u8], now: Instant) -> Result<Sent> {
        let chunked = self.outgoing.framing == BodyFraming::Chunked;
        if body.len() <= JOINED {
            if chunked {
                h1::write_chunk(&mut head, body);
                head.extend_from_slice(LAST_CHUNK);
            } else {
                head.extend_from_slice(body);
            }
            return self.write(&head, now).await.map(|()| Sent::Whole);
        }
        if chunked {
            h1::write_chunk_head(&mut head, body.len() as u64);
        }
        self.write(&head, now).await?;
        let end: &[u8] = if chunked { b"\r\n0\r\n\r\n" } else { b"" };
        for piece in body.chunks(PIECE).chain([end]) {
            if !self.upload(piece).await? {
                return Ok(Sent::Refused);
            }
        }
        Ok(Sent::Whole)
    }

    /// Sends what the source gives, as it gives it: in chunks, or exactly as many bytes as were announced.
    async fn send_source(
        &mut self,
        head: Vec<u8>,
        mut source: Pin<&mut dyn AsyncSource>,
        now: Instant,
    ) -> Result<Sent> {
        self.write(&head, now).await?;
        let mut piece = vec![0; PIECE];
        let mut framed = Vec::new();
        let mut total = 0u64;
        loop {
            let Some(count) = self.next_piece(source.as_mut(), &mut piece).await? else {
                return Ok(Sent::Refused);
            };
            total += count as u64;
            let wanted = match self.outgoing.framing {
                BodyFraming::Length(length) if total > length || (count == 0 && total < length) => {
                    return Err(wrong_length(length, total));
                }
                BodyFraming::Length(_) => self.upload(&piece[..count]).await?,
                BodyFraming::Chunked => {
                    framed.clear();
                    h1::write_chunk(&mut framed, &piece[..count]);
                    if count == 0 {
                        framed.extend_from_slice(LAST_CHUNK);
                    }
                    self.upload(&framed).await?
                }
            };
            match (wanted, count) {
                (false, _) => return Ok(Sent::Refused),
                (true, 0) => return Ok(Sent::Whole),
                (true, _) => {}
            }
        }
    }

    /// Waits for the source, and says how much it gave; nothing where the peer does not want it.
    async fn next_piece(
        &mut self,
        mut source: Pin<&mut dyn AsyncSource>,
        piece: &mut [u8],
    ) -> Result<Option<usize>> {
        let room = piece.len();
        let given = self.connection.listen_until(
            self.net,
            |context| source.as_mut().poll_read(context, piece),
            &self.outgoing.deadlines,
        );
        match given.await.map_err(explain_wait)?.transpose() {
            Ok(count) => Ok(count.map(|count| count.min(room))),
            Err(error) => Err(Error::new(Kind::InvalidBody).expected("a readable source").with_source(error)),
        }
    }

    async fn write(&mut self, bytes: &[u8], now: Instant) -> Result<()> {
        self.connection.send(self.net, bytes, &self.outgoing.deadlines, now).await
    }

    /// False where the peer does not want it.
    async fn upload(&mut self, bytes: &[u8]) -> Result<bool> {
        self.connection.upload(self.net, bytes, &self.outgoing.deadlines).await
    }
}

/// Whose fault it was that nothing was sent.
fn explain_wait(error: Error) -> Error {
    match error.kind() {
        Kind::WriteTimeout => error
            .seen("a source that gave nothing meanwhile")
            .hint("raise Timeout::write where its pieces are far apart"),
        _ => error,
    }
}

fn wrong_length(announced: u64, given: u64) -> Error {
    Error::new(Kind::InvalidBody).expected(format!("{announced} bytes, as announced")).seen(
        if given > announced {
            "more from the source".to_owned()
        } else {
            format!("{given} from the source")
        },
    )
}
