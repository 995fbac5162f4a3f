//! Peers that are wrong: over a hundred named ways, each with what a correct client does about it.
//!
//! A [`Case`] is data: what the client asks, what the peer does on each connection, what must come of it, in which time
//! and memory, over how many connections, and the rule that says so. [`all`] lists the cases; a [`Stage`] plays one of
//! them on a port of its own. Whoever judges a client walks the list: `client/tests/faults` for the Rust face, and
//! through the command `entreat-faults` `py/tests/test_faults.py` and `conformance/run_faults.py`.
//!
//! Every case ends with one more request, honestly answered: whatever the fault was, nothing of it may answer that one.

mod case;
mod cases;
pub mod json;
mod stage;

pub use case::{Act, Ask, Body, Case, Failing, Outcome, Script};
pub use cases::all;
pub use stage::{Seen, Stage};
