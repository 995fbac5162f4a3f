//! One connection: request after request until either side has had enough (RFC 9112 section 9).
//!
//! `receive` reads, `routes` decides, `send` writes; this file decides only whether the connection goes on.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::message::{Body, Request};
use super::receive::{Receiver, Refusal};
use super::{Server, routes, send, status};

#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) number: u64,
    pub(super) peer: IpAddr,
    pub(super) secure: bool,
}

pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, facts: Facts, server: Arc<Server>) {
    let mut receiver = Receiver::new(stream);
    for number in 1.. {
        let request = match receiver.request(&facts, number).await {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(Refusal::Unreadable(why)) => {
                let mut response = status::bad_request(why);
                response.close = true;
                let _ = send::response(receiver.stream(), response, false, 1).await;
                break;
            }
            Err(Refusal::Broken) => return,
        };
        server.requests.fetch_add(1, Ordering::Relaxed);
        let mut response = routes::answer(&request, &server);
        if server.log {
            eprintln!("{} {} {}", response.status, request.method, request.target);
        }
        // A final answer of 1xx leaves the client waiting for another: the end of the connection tells it.
        response.close |=
            !may_go_on(&request) || matches!(response.body, Body::UntilClose(_)) || response.status < 200;
        let closes = response.close;
        let sent =
            send::response(receiver.stream(), response, request.method == "HEAD", request.version).await;
        if closes || sent.is_err() {
            break;
        }
    }
    close(receiver.stream()).await;
}

/// RFC 9112 section 9.3.
fn may_go_on(request: &Request) -> bool {
    match request.version {
        0 => request.header_lists("Connection", "keep-alive"),
        _ => !request.header_lists("Connection", "close"),
    }
}

/// Reads on for a moment after the end, for bytes that arrive at a closed socket destroy the answer (RFC 9112
/// section 9.6).
async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    const PATIENCE: Duration = Duration::from_secs(1);
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut discarded = vec![0; 65536];
    let drained = async { while stream.read(&mut discarded).await.is_ok_and(|count| count > 0) {} };
    let _ = tokio::time::timeout(PATIENCE, drained).await;
}
