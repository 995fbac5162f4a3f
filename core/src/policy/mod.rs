//! Policies: each file has its rules, as data, and a pure `decide`. None imports another; `exchange` orders
//! them.
//!
//! `date` and `credentials` are no policies but what several of them share.

pub mod auth;
pub mod cookies;
mod credentials;
pub mod date;
pub mod expect;
pub mod guard;
pub mod hsts;
pub mod proxy;
pub mod rate;
pub mod redirect;
pub mod retry;
