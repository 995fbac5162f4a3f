//! Happy eyeballs as every net runs them: core's `dial` says what to do next, the net's [`Attempts`] do it.

use super::Net;
use entreat_core::dial::{Race, Step};
use entreat_core::{Deadline, Network, Result};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Connections in the making. Dropping them closes them.
pub(super) trait Attempts: Send {
    /// What a successful attempt becomes.
    type Stream: Send;

    /// Begins to connect, without waiting.
    fn start(&mut self, address: SocketAddr, network: &Network) -> io::Result<()>;

    /// The next attempt that ends, and how; `None` where `until` comes first, or at any time for another look around.
    fn first(
        &mut self,
        until: Option<Instant>,
    ) -> impl Future<Output = Result<Option<(SocketAddr, io::Result<Self::Stream>)>>> + Send;
}

/// Runs the race to its end; the losers are closed before this returns.
pub(super) async fn first_connected<N: Net, A: Attempts>(
    net: &N,
    addresses: &[SocketAddr],
    network: &Network,
    deadline: Deadline,
    mut attempts: A,
) -> Result<A::Stream> {
    let mut race = Race::new(addresses, network.stagger);
    loop {
        let now = net.now();
        if deadline.remaining(now).is_err() {
            return Err(race.timed_out(&deadline));
        }
        match race.step(now) {
            Step::Start(address) => {
                if let Err(error) = attempts.start(address, network) {
                    race.failed(address, error);
                }
            }
            Step::Wait(due) => {
                let until = due.into_iter().chain(deadline.at).min();
                match attempts.first(until).await? {
                    Some((_, Ok(stream))) => return Ok(stream),
                    Some((address, Err(error))) => race.failed(address, error),
                    None => {}
                }
            }
            Step::Lost => return Err(race.lost()),
        }
    }
}
