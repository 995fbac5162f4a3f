//! An exchange with a transport in this process, in the place of a connection: the engine's side of `mock`.
//!
//! Called by `engine` where a client was made over one. What comes before and after, redirects and cookies among it, is
//! the same as over a network.

use crate::body::{Body, Reading};
use crate::engine::{Engine, Outgoing};
use crate::incoming::{Incoming, Memory};
use crate::mock::{Reply, Sent, Transport};
use crate::net::Net;
use crate::timings::Begun;
use entreat_core::exchange::{BodyFraming, BodyLength};
use entreat_core::h1::{self, Framing};
use entreat_core::{Error, Kind, ResponseHead, Result, Version};
use std::sync::Arc;
use std::time::Duration;

/// A source is read in pieces of this size.
const PIECE: usize = 64 * 1024;

/// Hands the request over, waits as long as the reply says, and makes a response of it.
pub(crate) async fn exchange<N: Net>(
    engine: &Arc<Engine<N>>,
    transport: &dyn Transport,
    outgoing: &Outgoing<'_>,
) -> Result<(ResponseHead, Box<Incoming<N>>)> {
    let sent = Sent {
        method: outgoing.method.to_owned(),
        url: outgoing.url.clone(),
        headers: outgoing.headers.clone(),
        body: whole(&engine.net, outgoing).await?,
    };
    let now = engine.net.now();
    let begun = Begun { at: now, queue: Duration::ZERO, making: None };
    let mut answer = transport.answer(&sent);
    let patience = outgoing.deadlines.read(now);
    let answered = engine.net.first_of(|context| answer.as_mut().poll(context), None, patience).await?;
    drop(answer);
    let Some(reply) = answered else { unreachable!("there is no stream that could end the wait") };
    if !reply.delay.is_zero() {
        let until = now.checked_add(reply.delay).unwrap_or(now);
        engine.net.sleep_until(until, outgoing.deadlines.read(now)).await?;
    }
    let (head, memory) = response(outgoing, reply)?;
    let incoming = Incoming::from_memory(engine, memory, &head, outgoing, begun);
    Ok((head, incoming))
}

/// The body of the request, read to its end.
async fn whole<N: Net>(net: &N, outgoing: &Outgoing<'_>) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| {
        Error::new(Kind::InvalidBody).expected("a readable source").with_source(error)
    };
    let mut reading = Reading::of(outgoing.body)?;
    let (mut body, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        let deadline = outgoing.deadlines.write(net.now());
        let next = net.first_of(|context| reading.poll_read(context, &mut piece), None, deadline);
        match next.await?.transpose().map_err(unreadable)? {
            None | Some(0) => break,
            Some(count) => body.extend_from_slice(&piece[..count]),
        }
    }
    match (outgoing.framing, outgoing.body.length()) {
        (BodyFraming::Length(length), BodyLength::Known(_) | BodyLength::Unknown)
            if length != body.len() as u64 =>
        {
            Err(Error::new(Kind::InvalidBody)
                .expected(format!("{length} bytes, as announced"))
                .seen(format!("{} from the source", body.len())))
        }
        _ => Ok(body),
    }
}

fn response(outgoing: &Outgoing<'_>, reply: Reply) -> Result<(ResponseHead, Memory)> {
    let Reply { status, reason, mut headers, body, delay: _, cut_short, error } = reply;
    if let Some(error) = error {
        return Err(error);
    }
    let length = length(&body);
    if let Some(length) = length
        && !headers.contains("Content-Length")
        && !headers.contains("Transfer-Encoding")
        && allows_body(status)
    {
        // A body that is cut short has announced more.
        headers.append("Content-Length", (length + u64::from(cut_short)).to_string())?;
    }
    let reason = reason.unwrap_or_else(|| usual_reason(status).to_owned()).into_bytes().into();
    let head = ResponseHead { version: Version::Http11, status, reason, headers };
    let memory = match h1::decide(outgoing.method, &head)?.framing {
        Framing::Empty => Memory::empty(),
        Framing::Length(announced) => Memory::new(&body, Some(announced), cut_short)?,
        Framing::Chunked | Framing::UntilClose => Memory::new(&body, length, cut_short)?,
    };
    Ok((head, memory))
}

fn length(body: &Body) -> Option<u64> {
    match body.length() {
        BodyLength::None => Some(0),
        BodyLength::Known(length) => Some(length),
        BodyLength::Unknown => None,
    }
}

/// RFC 9110 section 8.6: "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx
/// (Informational) or 204 (No Content)."
fn allows_body(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// The reason phrases of RFC 9110 section 15 that tests are likely to look at.
fn usual_reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
