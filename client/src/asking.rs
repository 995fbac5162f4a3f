//! Asking before a body is sent (RFC 9110 section 10.1.1), over the requests of one journey.
//!
//! Whether to ask is core's `policy::expect`; `sender` waits for the answer. Here the question is put, and taken back
//! where it was not understood. Called by `session`.

use crate::body::Body;
use crate::request::Request;
use entreat_core::exchange::BodyLength;
use entreat_core::policy::expect::{self, Length, Rules};
use entreat_core::{Headers, Result};

/// Whether the requests of a journey ask.
pub(crate) struct Asking {
    /// A server has said that it does not know the question.
    futile: bool,
}

impl Asking {
    pub(crate) fn new() -> Asking {
        Asking { futile: false }
    }

    /// Puts the question into the fields, where the rules say so and the caller has not said anything.
    pub(crate) fn ask(&self, headers: &mut Headers, body: &Body, rules: &Rules) -> Result<()> {
        if self.futile || rules.from.is_none() {
            return Ok(());
        }
        let length = match body.length() {
            BodyLength::None => Length::Known(0),
            BodyLength::Known(length) => Length::Known(length),
            BodyLength::Unknown => Length::Unknown,
        };
        match rules.asks(length) && !headers.contains("Expect") {
            true => headers.append("Expect", expect::CONTINUE),
            false => Ok(()),
        }
    }

    /// True where the request that was answered with `status` is to be sent again without asking; its own Expect is
    /// taken out.
    ///
    /// RFC 9110 section 10.1.1: "A client that receives a 417 (Expectation Failed) status code in response to a request
    /// containing a 100-continue expectation SHOULD repeat that request without a 100-continue expectation, since the
    /// 417 response merely indicates that the response chain does not support expectations".
    pub(crate) fn is_futile(&mut self, status: u16, sent: &Headers, request: &mut Request) -> bool {
        if status != 417 || self.futile || !expect::is_expected(sent) || request.body.rewind().is_err() {
            return false;
        }
        self.futile = true;
        request.headers.remove("Expect");
        true
    }
}
