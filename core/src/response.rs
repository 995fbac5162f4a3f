//! The head of a response: what the codec makes of the bytes before the body. The body belongs to the engine.

use crate::headers::Headers;
use std::borrow::Cow;

/// The protocol version of a message (RFC 9112 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// Status line and fields of a response (RFC 9112 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version that the peer named.
    pub version: Version,
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase as it came, often empty. Bytes, since peers send any.
    pub reason: Cow<'static, [u8]>,
    /// The fields as they came.
    pub headers: Headers,
}
