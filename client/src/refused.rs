//! A status of 400 or more as an error that shows what the server says: the start of the body, short and on one line.
//!
//! Behind `Response::error_for_status` of both faces.

use crate::net::Net;
use crate::net::blocking::block;
use crate::response::Response;
use crate::text;
use entreat_core::error::Answer;
use entreat_core::{Error, Kind, Result};

/// Characters of the body that the message shows.
const SHOWN: usize = 200;

impl Response {
    /// The response itself where its status is below 400.
    ///
    /// ```
    /// # use entreat::{Client, Config, mock::{Mock, Reply}};
    /// # let mock = Mock::new();
    /// # mock.on("GET", "/").reply(Reply::status(404).body("no such user"));
    /// # let client = Client::with_transport(mock, Config::new())?;
    /// let error = client.get("http://example.org/")?.error_for_status().unwrap_err();
    /// assert_eq!(error.status(), Some(404));
    /// assert!(error.to_string().contains("404 Not Found: no such user"));
    /// # Ok::<(), entreat::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Kind::Status`] with status, reason and the first 200 characters of the body, as far as it comes within half a
    /// second and is text. [`Error::answer`] has the head, and 16 KiB of the body, decoded.
    pub fn error_for_status(self) -> Result<Response> {
        match self.ok() {
            true => Ok(self),
            false => Err(block(self.refused())),
        }
    }
}

#[cfg(feature = "aio")]
impl crate::aio::Response {
    /// The response itself where its status is below 400; see [`crate::Response::error_for_status`]. Waits only for the
    /// start of the body of an error.
    ///
    /// # Errors
    /// As [`crate::Response::error_for_status`].
    pub async fn error_for_status(self) -> Result<crate::aio::Response> {
        match self.ok() {
            true => Ok(self),
            false => Err(self.refused().await),
        }
    }
}

impl<N: Net> Response<N> {
    /// The response as an error.
    pub(crate) async fn refused(mut self) -> Error {
        let body = self.incoming().start().await;
        let mut seen = format!("{} {}", self.status(), self.reason());
        if let Some(shown) = shown(self.header("Content-Type"), &body) {
            seen = format!("{}: {shown}", seen.trim_end());
        }
        let url = self.url().as_str().to_owned();
        let answer = Answer { head: self.into_parts().head, body };
        Error::new(Kind::Status).expected("a status below 400").seen(seen).with_url(&url).with_answer(answer)
    }
}

/// The start of a body in one line, where there is one and it is text.
fn shown(content_type: Option<&str>, body: &[u8]) -> Option<String> {
    // Four bytes for each character, at the most, and none cut in its middle that is shown.
    let start = &body[..body.len().min(SHOWN * 4 + 4)];
    let text = text::decode(content_type, start.to_vec());
    let strange = |c: &char| *c == '\u{fffd}' || (c.is_control() && !c.is_whitespace());
    if text.chars().take(SHOWN).filter(strange).count() > 2 {
        return None;
    }
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if let Some((cut, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(cut);
        line.push('…');
    }
    line.retain(|c| !c.is_control());
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_short_and_on_one_line() {
        assert_eq!(shown(None, b"{\n  \"error\": \x1b\"x\"\n}\n").unwrap(), "{ \"error\": \"x\" }");
        assert_eq!(shown(Some("text/plain; charset=latin1"), b"caf\xe9").unwrap(), "caf\u{e9}");
        let long = shown(None, "\u{e9}".repeat(1000).as_bytes()).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (SHOWN + 1, true));
    }

    #[test]
    fn what_is_no_text_is_not_shown() {
        assert_eq!(shown(Some("image/png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"), None);
        assert_eq!(shown(None, b" \r\n"), None);
    }
}
