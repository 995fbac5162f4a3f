//! Whether a request asks before it sends its body (RFC 9110 section 10.1.1), and how long it waits for the answer.
//!
//! > "A 100-continue expectation informs recipients that the client is about to send (presumably large) content in this
//! > request and wishes to receive a 100 (Continue) interim response if the method, target URI, and header fields are
//! > not sufficient to cause an immediate success, redirect, or error response."
//!
//! The engine does the waiting. What it means when no answer comes stands in the same section: "A client that sends a
//! 100-continue expectation is not required to wait for any specific length of time; such a client MAY proceed to send
//! the content even if it has not yet received a response."

use crate::headers::Headers;
use std::time::Duration;

/// When to ask, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Asks before bodies of at least so many bytes.
    ///
    /// * Default: none: never asks, see `Config::expect_continue`
    pub from: Option<u64>,
    /// How long an answer is waited for, whoever put Expect into the request.
    ///
    /// * Default: 1 s, as curl
    /// * Why: RFC 9110 10.1.1: nobody has to wait for ever
    /// * Extremes: 0 sends the body at once; long ones hold every upload up on servers that never answer
    pub wait: Duration,
}

impl Rules {
    /// Asks for nothing; a request that has Expect among its own headers waits.
    pub const fn never() -> Rules {
        Rules { from: None, wait: Duration::from_secs(1) }
    }

    /// Asks before bodies of at least `bytes`, and before those of unknown length.
    pub const fn from(bytes: u64) -> Rules {
        Rules { from: Some(bytes), ..Rules::never() }
    }

    /// True where a body of that length is worth asking before. "A client MUST NOT generate a 100-continue expectation
    /// in a request that does not include content."
    pub fn asks(&self, length: Length) -> bool {
        match (self.from, length) {
            (None, _) | (Some(_), Length::Known(0)) => false,
            (Some(from), Length::Known(length)) => length >= from,
            (Some(_), Length::Unknown) => true,
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::never()
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes; 0 where there is none.
    Known(u64),
    /// Found out at its end.
    Unknown,
}

/// What stands in the field.
pub const CONTINUE: &str = "100-continue";

/// True where the request has that expectation; there is no other one.
pub fn is_expected(headers: &Headers) -> bool {
    headers.get("Expect").is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(CONTINUE.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_unknown_bodies_are_asked_before_and_none_that_is_empty() {
        let rules = Rules::from(10);
        assert!(
            rules.asks(Length::Known(10)) && rules.asks(Length::Unknown) && !rules.asks(Length::Known(9))
        );
        assert!(Rules::from(0).asks(Length::Known(1)) && !Rules::from(0).asks(Length::Known(0)));
        assert!(!Rules::never().asks(Length::Known(u64::MAX)) && !Rules::never().asks(Length::Unknown));
    }

    #[test]
    fn the_expectation_is_known_in_any_case() {
        let with = |value: &str| {
            let mut headers = Headers::new();
            headers.append("expect", value).unwrap();
            headers
        };
        assert!(is_expected(&with("100-Continue")) && !is_expected(&with("202-accepted")));
        assert!(!is_expected(&Headers::new()));
    }
}
