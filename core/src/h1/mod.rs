//! The HTTP/1.1 codec (RFC 9112): bytes in, values out, and back.
//!
//! One exchange meets the files in this order: [`head_write`] makes the bytes of a request's head,
//! [`head_parse`] reads a response's, [`framing`] decides where its body ends and whether the connection
//! lives on, [`body`] hands out the body's bytes ([`chunked`] where they come in chunks). No file here does
//! I/O; the engine calls them with whatever arrived.

pub mod body;
pub mod chunked;
pub mod framing;
pub mod head_parse;
pub mod head_write;
mod plain_head;

pub use body::{BodyDecoder, Decoded};
pub use framing::{Framing, Verdict, decide};
pub use head_parse::{HeadLimits, HeadParser};
pub use head_write::{LAST_CHUNK, check_method, check_target, write_chunk, write_chunk_head, write_head};

/// Informational responses that one request may bring before the final one (RFC 9110 section 15.2 names no number); more
/// is a flood.
pub const INFORMATIONAL_LIMIT: usize = 64;
