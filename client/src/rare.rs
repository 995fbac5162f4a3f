//! What few requests do, kept out of the way of what all do: called by whoever awaits it on the way of every request.

use std::future::Future;
use std::pin::Pin;

/// A future that few requests await, in a box: the others do not carry its room. And in a function that is known to be rare,
/// so that the machine code for it does not lie among the code that always runs, which is more than a processor's first
/// cache holds: a request costs about as many cycles for fetching instructions as for carrying them out.
#[cold]
#[inline(never)]
pub(crate) fn rarely<F: Future>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}
