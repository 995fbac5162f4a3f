//! The command as a person or a script meets it: its binary, run against the testkit's origin.
//!
//! `requests` is what goes out, `output` what comes back, `failures` what it says when something is wrong, `terminal`
//! what it shows on a terminal, `proxies` which way requests go.

mod failures;
mod network;
mod output;
mod proxies;
mod requests;
mod support;
#[cfg(unix)]
mod terminal;
