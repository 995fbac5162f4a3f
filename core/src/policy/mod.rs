//! Policies: each file has its rules, as data, and a pure `decide`. None imports another; `exchange` orders them.
//!
//! `date` is no policy but a reading that several of them share.

pub mod auth;
pub mod cookies;
pub mod date;
pub mod redirect;
