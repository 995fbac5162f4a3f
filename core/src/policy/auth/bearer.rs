//! The scheme Bearer: RFC 6750.
//!
//! Decides whether a token can travel in a field. Getting, keeping and renewing tokens is the program's part.
//!
//! > "b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="", "credentials = "Bearer" 1*SP
//! > b64token". Tokens with other visible characters exist and work, so only what would break the field is
//! > refused.

use crate::error::{Error, Kind, Result};

/// The value of the Authorization field.
///
/// # Errors
/// [`Kind::InvalidHeader`] where the token is empty or holds white space, control characters or
/// letters beyond ASCII. The message never shows it.
pub fn authorization(token: &str) -> Result<String> {
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(format!("Bearer {token}"));
    }
    Err(Error::new(Kind::InvalidHeader)
        .expected("a token of visible ASCII characters")
        .hint("is there a line break at its end?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_sent_as_they_are() {
        assert_eq!(authorization("mF_9.B5f-4.1JqM").unwrap(), "Bearer mF_9.B5f-4.1JqM");
        assert_eq!(authorization("a:b|c").unwrap(), "Bearer a:b|c");
    }

    #[test]
    fn tokens_that_break_a_field_are_refused_without_showing_them() {
        for token in ["", "hush\n", "hush hush", "hush\u{e9}"] {
            let error = authorization(token).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidHeader);
            assert!(!error.to_string().contains("hush"));
        }
    }
}
