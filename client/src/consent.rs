//! What a program's own code says in the middle of a request: waited for, where the client is one that waits.
//!
//! Called by `session` and `retries` for hooks, by `login` for schemes of the program's own. The time-out `total` goes on.

use crate::net::Net;
use entreat_core::config::Consent;
use entreat_core::{Deadline, Error, Kind, Result};
use std::task::{Context, Poll, Waker};

/// The hook's word.
pub(crate) async fn given<N: Net>(net: &N, consent: Consent, deadline: Deadline) -> Result<()> {
    match consent {
        Consent::Now(outcome) => outcome,
        Consent::Later(mut future) => wait(net, |context| future.as_mut().poll(context), deadline).await,
    }
}

/// What `other` comes to.
pub(crate) async fn wait<N: Net, T: Send>(
    net: &N,
    mut other: impl FnMut(&mut Context<'_>) -> Poll<Result<T>> + Send,
    deadline: Deadline,
) -> Result<T> {
    if N::SUSPENDS {
        return match net.first_of(other, None, deadline).await? {
            Some(outcome) => outcome,
            None => unreachable!("there is no stream that could end the wait"),
        };
    }
    match other(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Error::new(Kind::InvalidConfig)
            .expected("a hook that is ready at once, under a blocking client")
            .hint("send it by entreat::aio::Client")),
    }
}
