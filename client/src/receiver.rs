//! The heads of the responses to one request: informational ones, which are told of and passed over, and the final one.
//!
//! Called by `engine` for each attempt, and by `sender` where a request asks before it sends its body. Where the body
//! ends is core's `h1`; reading it is `incoming`.

use crate::connection::Connection;
use crate::engine::Outgoing;
use crate::net::Net;
use entreat_core::h1::{self, HeadParser, INFORMATIONAL_LIMIT, Verdict};
use entreat_core::{Deadline, Error, Kind, ResponseHead, Result};
use std::time::Instant;

/// What a server says to a request that asks before it sends its body.
pub(crate) enum Permission {
    /// 100 (Continue).
    Granted,
    /// Nothing, for as long as was waited.
    Unanswered,
    /// A final response, which waits to be received.
    Answered,
}

/// Receives the heads of one attempt.
pub(crate) struct Receiver<'a, N: Net> {
    net: &'a N,
    outgoing: &'a Outgoing<'a>,
    parser: HeadParser,
    informational: usize,
}

impl<'a, N: Net> Receiver<'a, N> {
    pub(crate) fn new(net: &'a N, outgoing: &'a Outgoing<'a>) -> Receiver<'a, N> {
        let parser = HeadParser::new(outgoing.settings.head_limits);
        Receiver { net, outgoing, parser, informational: 0 }
    }

    /// True where some of a response has arrived.
    pub(crate) fn is_answered(&self, connection: &Connection<N::Stream>) -> bool {
        self.informational > 0 || !connection.received.is_empty()
    }

    /// Receives up to the end of the final response's head (RFC 9110 section 15.2).
    pub(crate) async fn receive(
        &mut self,
        connection: &mut Connection<N::Stream>,
    ) -> Result<(ResponseHead, Verdict)> {
        loop {
            let (head, length) = self.next(connection, None).await?;
            if is_final(&head) {
                let verdict =
                    h1::decide(self.outgoing.method, &head).map_err(|error| refused(error, connection))?;
                connection.received.consume(length);
                return Ok((head, verdict));
            }
            self.pass(&head, length, connection)?;
        }
    }

    /// Waits until `until` at the latest for what the server says to the question whether it wants the body.
    pub(crate) async fn permission(
        &mut self,
        connection: &mut Connection<N::Stream>,
        until: Option<Instant>,
    ) -> Result<Permission> {
        loop {
            let (head, length) = match self.next(connection, until).await {
                Ok(next) => next,
                Err(error) if error.kind() == Kind::ReadTimeout => return Ok(Permission::Unanswered),
                Err(error) => return Err(error),
            };
            if is_final(&head) {
                // It is received once more when its turn comes.
                self.parser.reset();
                return Ok(Permission::Answered);
            }
            self.pass(&head, length, connection)?;
            if head.status == 100 {
                return Ok(Permission::Granted);
            }
        }
    }

    /// The next head and its length, not yet consumed.
    async fn next(
        &mut self,
        connection: &mut Connection<N::Stream>,
        until: Option<Instant>,
    ) -> Result<(ResponseHead, usize)> {
        // One read time-out for the whole head would punish slow links; one for each byte lets a drip go on: the
        // total is what bounds that.
        loop {
            let parsed = self.parser.parse(connection.received.as_slice());
            if let Some(found) = parsed.map_err(|error| refused(error, connection))? {
                return Ok(found);
            }
            let now = self.net.now();
            let mut deadline = self.outgoing.deadlines.read(now);
            if until.is_some() && deadline.at.is_none_or(|at| until < Some(at)) {
                deadline = Deadline::new(until, Kind::ReadTimeout);
            }
            match connection.receive(self.net, deadline.just_read(now)).await {
                Ok(0) => return Err(self.closed(connection)),
                // TLS that ends without a good-bye: what matters here is how far the response came.
                Err(error) if error.kind() == Kind::ClosedEarly => return Err(self.closed(connection)),
                received => received?,
            };
        }
    }

    /// Tells of an informational response, and goes past it.
    fn pass(
        &mut self,
        head: &ResponseHead,
        length: usize,
        connection: &mut Connection<N::Stream>,
    ) -> Result<()> {
        connection.received.consume(length);
        self.parser.reset();
        self.informational += 1;
        if self.informational > INFORMATIONAL_LIMIT {
            return Err(Error::new(Kind::MalformedResponse)
                .expected(format!("at most {INFORMATIONAL_LIMIT} informational responses")));
        }
        if let Some(hook) = &self.outgoing.settings.messages.on_informational {
            hook.call(head);
        }
        Ok(())
    }

    /// The error for a peer that closed while the head of a response was awaited.
    fn closed(&self, connection: &Connection<N::Stream>) -> Error {
        let error = self.parser.end_of_input(connection.received.as_slice());
        if error.kind() == Kind::ClosedWithoutResponse && self.informational > 0 {
            return Error::new(Kind::ClosedEarly)
                .expected("a final response")
                .seen(format!("the end of input after {} informational ones", self.informational));
        }
        refused(error, connection)
    }
}

/// 101 is the last that is said in HTTP/1.1.
fn is_final(head: &ResponseHead) -> bool {
    head.status >= 200 || head.status == 101
}

/// The same with the head that it is about: what stands in the buffer.
#[cold]
fn refused<S>(error: Error, connection: &Connection<S>) -> Error {
    error.with_received(connection.received.as_slice())
}
