//! Servers to test against, on loopback only and never published.
//!
//! * [`origin`]: httpbin's routes with its answers, and `/testkit/…` routes that show what arrived on the wire.
//! * [`bench`]: an origin that does nothing per request, for measuring clients.
//! * [`scripted`]: a raw peer that follows a list of steps, for answers which no honest server gives.
//! * [`faults`]: over six hundred named ways of being wrong, each with what a correct client does.
//! * [`ca`]: a certificate authority made on the spot, and leaf certificates by it.
//!
//! The commands `entreat-origin`, `entreat-bench-origin` and `entreat-faults` are thin shells over these.

pub mod bench;
pub mod ca;
pub mod faults;
mod loopback;
pub mod matrix;
pub mod origin;
pub mod scripted;
