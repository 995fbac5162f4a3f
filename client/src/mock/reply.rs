//! What a transport in this process answers: a response, how long it takes, or an error.

use crate::body::Body;
use entreat_core::{Error, Headers, Kind, Result};
use std::time::Duration;

/// An answer to one request.
///
/// ```
/// use entreat::mock::Reply;
/// use std::time::Duration;
/// let slow = Reply::status(503).header("Retry-After", "1").body("later").delay(Duration::from_millis(5));
/// let broken = Reply::text("only a pa").cut_short();
/// let unreachable = Reply::fail(entreat::Kind::Connect);
/// ```
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) reason: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) delay: Duration,
    pub(crate) cut_short: bool,
    /// What goes wrong in the place of an answer; or the first mistake in the arguments above.
    pub(crate) error: Option<Error>,
}

impl Reply {
    /// An empty response of that status, 200 to 999.
    pub fn status(status: u16) -> Reply {
        let error = (!(200..=999).contains(&status)).then(|| {
            Error::new(Kind::InvalidConfig)
                .expected("a reply with a status from 200 to 999")
                .seen(status.to_string())
        });
        Reply {
            status,
            reason: None,
            headers: Headers::new(),
            body: Body::empty(),
            delay: Duration::ZERO,
            cut_short: false,
            error,
        }
    }

    /// 200 with that text.
    pub fn text(text: impl Into<String>) -> Reply {
        Reply::status(200).header("Content-Type", "text/plain; charset=utf-8").body(text.into())
    }

    /// 200 with `value` as JSON.
    #[cfg(feature = "json")]
    pub fn json(value: &(impl serde::Serialize + ?Sized)) -> Reply {
        let reply = Reply::status(200).header("Content-Type", "application/json");
        match serde_json::to_vec(value) {
            Ok(bytes) => reply.body(bytes),
            Err(error) => reply.note(Err(Error::new(Kind::InvalidBody).with_source(error))),
        }
    }

    /// No answer, but an error of that kind, as if the network or the peer had failed so.
    pub fn fail(kind: Kind) -> Reply {
        Reply::error(Error::new(kind).seen("a failure that was asked for"))
    }

    /// No answer, but that error.
    pub fn error(error: Error) -> Reply {
        Reply { error: Some(error), ..Reply::status(200) }
    }

    /// Sets the reason phrase. Default: the usual one of the status, where there is one.
    pub fn reason(mut self, reason: impl Into<String>) -> Reply {
        self.reason = Some(reason.into());
        self
    }

    /// Adds a field, beside those of the same name.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Reply {
        let outcome = self.headers.append(name, value);
        self.note(outcome)
    }

    /// Sets the body. Content-Length is added where neither it nor Transfer-Encoding is there; a Content-Encoding is undone as
    /// for any response.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = Body::from(body.into());
        self
    }

    /// Sets a body that comes piece by piece, while the client reads it. Without a length of its own, and without
    /// Content-Length, it ends where it ends. A source is given to one request only.
    pub fn stream(mut self, body: Body) -> Reply {
        self.body = body;
        self
    }

    /// Lets the client wait for the head so long: really, and within its time-outs.
    pub fn delay(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Ends the body as if the peer had closed the connection in its middle: [`Kind::ClosedEarly`] behind its bytes.
    pub fn cut_short(mut self) -> Reply {
        self.cut_short = true;
        self
    }

    fn note(mut self, outcome: Result<()>) -> Reply {
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
        self
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Reply {
        Reply::text(text)
    }
}
