//! Policies: each file has its rules, as data, and a pure `decide`. None imports another; `exchange` orders them.

pub mod cookies;
pub mod redirect;
