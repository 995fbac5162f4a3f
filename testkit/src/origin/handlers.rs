//! The handlers, a file for each kind of route: pure functions from a `Call` to an `Answer`, named by `routes`.

pub(super) mod authentication;
pub(super) mod caching;
pub(super) mod cookies;
pub(super) mod digest;
pub(super) mod dynamic;
pub(super) mod formats;
pub(super) mod inspection;
pub(super) mod redirects;
pub(super) mod special;
