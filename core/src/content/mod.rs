//! Content codings (RFC 9110 section 8.4): push decoders.
