//! What few requests do, kept out of the way of what all do: called by whoever awaits it on the way of every request.

use std::future::Future;
use std::pin::Pin;

/// A future that few requests await, in a box: the others do not carry its room. And made by a function that the compiler is
/// told to be rare, so that it may lay out the code for it apart from what always runs, which is more than a processor's
/// first cache holds. By how much that helps differs from one build to the next, within some 5 % of a request's cost.
#[cold]
#[inline(never)]
pub(crate) fn rarely<F: Future>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}
