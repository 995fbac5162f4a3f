//! Connecting in tokio's reactor: the attempts of a race are polled side by side in the caller's task.

use crate::net::{race, socket};
use entreat_core::{Network, Result};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;
use tokio::net::{TcpSocket, TcpStream};

/// Sockets that are connecting.
#[derive(Default)]
pub(super) struct Attempts(Vec<(SocketAddr, Connecting)>);

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl race::Attempts for Attempts {
    type Stream = TcpStream;

    fn start(&mut self, address: SocketAddr, network: &Network) -> io::Result<()> {
        let socket = TcpSocket::from_std_stream(socket::open(address, network)?.into());
        self.0.push((address, Box::pin(socket.connect(address))));
        Ok(())
    }

    async fn first(&mut self, until: Option<Instant>) -> Result<Option<(SocketAddr, io::Result<TcpStream>)>> {
        let ended = poll_fn(|context| {
            for (at, (address, connecting)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(outcome) = connecting.as_mut().poll(context) {
                    let address = *address;
                    drop(self.0.swap_remove(at));
                    return Poll::Ready((address, outcome));
                }
            }
            Poll::Pending
        });
        Ok(match until {
            None => Some(ended.await),
            Some(until) => tokio::time::timeout_at(until.into(), ended).await.ok(),
        })
    }
}
