//! Clients with 64 requests on their way at once, on one thread: `rust-64-…`.
//!
//! 64 loops send one request after the other until all together have sent as many as were asked for. The least that this
//! can cost is an epoll loop over 64 sockets, which knows how long each answer will be.

use crate::{Outcome, Raw, Send, same};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const AT_ONCE: usize = 64;

pub(crate) fn client_named(name: &str, url: &str) -> Outcome<Send> {
    match name {
        "rust-64-epoll" => {
            let mut raw = Epoll::new(url)?;
            Ok(Box::new(move |count| raw.send(count)))
        }
        "rust-64-entreat" => {
            let (client, url) = (entreat::aio::Client::new(), url.to_owned());
            on_tokio(move || {
                let (client, url) = (client.clone(), url.clone());
                async move { Ok(client.get(url).await?.bytes().await?.len()) }
            })
        }
        "rust-64-hyper-util" => {
            let client = HyperClient::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
            let url: hyper::Uri = url.parse()?;
            on_tokio(move || {
                let answer = client.get(url.clone());
                async move { Ok(answer.await?.into_body().collect().await?.to_bytes().len()) }
            })
        }
        "rust-64-reqwest" => {
            let (client, url) = (reqwest::Client::new(), url.to_owned());
            on_tokio(move || {
                let answer = client.get(&url).send();
                async move { Ok(answer.await?.bytes().await?.len()) }
            })
        }
        _ => Err(format!("unknown client {name}").into()),
    }
}

/// `fetch` sends one request and returns how long the body of its answer was.
fn on_tokio<F, A>(fetch: F) -> Outcome<Send>
where
    F: Fn() -> A + std::marker::Send + Sync + 'static,
    A: Future<Output = Outcome<usize>> + std::marker::Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetch = Arc::new(fetch);
    Ok(Box::new(move |count| {
        let left = Arc::new(AtomicU32::new(count));
        let one_loop = |_| {
            let (left, fetch) = (Arc::clone(&left), Arc::clone(&fetch));
            runtime.spawn(async move {
                let mut length = 0;
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    length = same(length, fetch().await?)?;
                }
                Outcome::Ok(length)
            })
        };
        let loops: Vec<_> = (0..AT_ONCE).map(one_loop).collect();
        runtime.block_on(async {
            let mut length = 0;
            for each in loops {
                length = length.max(each.await??);
            }
            Ok(length)
        })
    }))
}

/// 64 sockets, and what each has received of its answer.
struct Epoll {
    poll: Poll,
    events: Events,
    sockets: Vec<(TcpStream, usize)>,
    request: Vec<u8>,
    /// How long each answer is, and its body.
    answer: usize,
    body: usize,
    buffer: Vec<u8>,
}

impl Epoll {
    fn new(url: &str) -> Outcome<Epoll> {
        let mut raw = Raw::new(url)?;
        let (head, body) = raw.measure()?;
        let poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(AT_ONCE);
        for number in 0..AT_ONCE {
            let socket = raw.connect()?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            sockets.push((socket, 0));
        }
        let (events, buffer) = (Events::with_capacity(AT_ONCE), vec![0; 64 * 1024]);
        Ok(Epoll { poll, events, sockets, request: raw.request, answer: head + body, body, buffer })
    }

    fn send(&mut self, count: u32) -> Outcome<usize> {
        let (mut to_send, mut to_come) = (count, count);
        for (socket, received) in self.sockets.iter_mut().take(count as usize) {
            socket.write_all(&self.request)?;
            (*received, to_send) = (0, to_send - 1);
        }
        while to_come > 0 {
            self.poll.poll(&mut self.events, None)?;
            for event in &self.events {
                let (socket, received) = &mut self.sockets[event.token().0];
                match socket.read(&mut self.buffer) {
                    Ok(0) => return Err("the server closed".into()),
                    Ok(count) => *received += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
                if *received == self.answer {
                    (*received, to_come) = (0, to_come - 1);
                    if to_send > 0 {
                        socket.write_all(&self.request)?;
                        to_send -= 1;
                    }
                }
            }
        }
        Ok(self.body)
    }
}
