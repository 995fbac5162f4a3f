//! One Set-Cookie field, cut into name, value and attributes: RFC 6265 section 5.2, 6265bis section 5.6.
//!
//! Only the grammar, which every byte string fits but for control characters. Whether the cookie is taken is
//! decided in `mod`. Where an attribute comes twice, the last one that is usable counts.
//!
//! > "NOTE: The algorithm below is more permissive than the grammar in Section 4.1."

use super::SameSite;
use crate::policy::date;
use std::time::{Duration, SystemTime};

/// What the field says, as it says it.
#[derive(Debug, Default)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) domain: Option<&'a [u8]>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: SameSite,
    expires: Option<SystemTime>,
    max_age: Option<MaxAge>,
}

/// Max-Age as a number; more digits than fit become the most that fits.
#[derive(Debug, Clone, Copy)]
enum MaxAge {
    Over,
    Seconds(u64),
}

impl<'a> SetCookie<'a> {
    /// None where the field holds a control character other than the tab: "If the set-cookie-string contains
    /// a %x00-08 / %x0A-1F / %x7F character (CTL characters excluding HTAB): Abort this algorithm and ignore
    /// the set-cookie-string entirely." (6265bis section 5.6)
    pub(super) fn parse(field: &'a [u8], max_attribute: usize) -> Option<SetCookie<'a>> {
        if field.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
            return None;
        }
        let mut pieces = field.split(|&byte| byte == b';');
        let pair = pieces.next().unwrap_or_default();
        // Without an equals sign all of it is the value, and the name is empty (6265bis).
        let (name, value) = split_pair(pair).unwrap_or((b"", trim(pair)));
        let mut parsed = SetCookie { name, value, ..SetCookie::default() };
        for piece in pieces {
            let (name, value) = split_pair(piece).unwrap_or((trim(piece), b""));
            if value.len() <= max_attribute {
                parsed.take_attribute(name, value);
            }
        }
        Some(parsed)
    }

    fn take_attribute(&mut self, name: &[u8], value: &'a [u8]) {
        match name.to_ascii_lowercase().as_slice() {
            b"expires" => self.expires = date::parse(value).or(self.expires),
            b"max-age" => self.max_age = read_max_age(value).or(self.max_age),
            // "If the attribute-value is empty, the behavior is undefined. However, the user agent SHOULD
            // ignore the cookie-av entirely." (RFC 6265 section 5.2.3)
            b"domain" if !value.is_empty() => self.domain = Some(value),
            // An empty path is not ignored: it stands for the default path, as section 5.2.4 has it.
            b"path" => self.path = Some(value),
            b"secure" => self.secure = true,
            b"httponly" => self.http_only = true,
            b"samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_slice() {
                    b"none" => SameSite::None,
                    b"lax" => SameSite::Lax,
                    b"strict" => SameSite::Strict,
                    _ => SameSite::Unset,
                };
            }
            _ => {}
        }
    }

    /// RFC 6265 section 5.3 step 3: Max-Age counts before Expires; with neither, the cookie ends with the
    /// session.
    pub(super) fn expiry(&self, cap: Option<Duration>, now: SystemTime) -> Option<SystemTime> {
        // A lifetime that the clock cannot express is no lifetime: it ends with the session.
        let latest = cap.and_then(|cap| now.checked_add(cap));
        let expires = match self.max_age {
            Some(MaxAge::Over) => Some(SystemTime::UNIX_EPOCH),
            Some(MaxAge::Seconds(seconds)) => now.checked_add(Duration::from_secs(seconds)).or(latest),
            None => self.expires,
        }?;
        Some(latest.map_or(expires, |latest| latest.min(expires)))
    }
}

/// "If the first character of the attribute-value is not a DIGIT or a '-' character, ignore the cookie-av. If
/// the remainder of attribute-value contains a non-DIGIT character, ignore the cookie-av."
fn read_max_age(value: &[u8]) -> Option<MaxAge> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if !digits.iter().all(u8::is_ascii_digit) || (digits.is_empty() && !negative) {
        return None;
    }
    let seconds = digits
        .iter()
        .fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(if negative || seconds == 0 { MaxAge::Over } else { MaxAge::Seconds(seconds) })
}

/// Both sides of the first equals sign, trimmed.
fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    Some((trim(&pair[..equals]), trim(&pair[equals + 1..])))
}

/// Without the space and tab characters around it.
fn trim(text: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = text.iter().position(inner) else { return b"" };
    let end = text.iter().rposition(inner).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn fields_are_cut_into_name_value_and_attributes() {
        for (field, name, value, domain, path) in [
            ("a=b", "a", "b", None, None),
            (" a = b c ; x", "a", "b c", None, None),
            ("a=b=c", "a", "b=c", None, None),
            ("a", "", "a", None, None),
            ("=b", "", "b", None, None),
            ("", "", "", None, None),
            ("a=\"b; c\"", "a", "\"b", None, None),
            ("a=b; DOMAIN = x.test ;Path=/p", "a", "b", Some("x.test"), Some("/p")),
            ("a=b; domain=x.test; domain=", "a", "b", Some("x.test"), None),
            ("a=b; path=/p; path", "a", "b", None, Some("")),
        ] {
            let parsed = SetCookie::parse(field.as_bytes(), 1024).unwrap();
            assert_eq!((parsed.name, parsed.value), (name.as_bytes(), value.as_bytes()), "{field:?}");
            let wanted = (domain.map(str::as_bytes), path.map(str::as_bytes));
            assert_eq!((parsed.domain, parsed.path), wanted, "{field:?}");
        }
        assert!(SetCookie::parse(b"a=\0b", 1024).is_none());
    }

    #[test]
    fn lifetimes_count_as_they_are_written() {
        let ends = |attributes: &str| {
            let field = format!("a=b; {attributes}");
            let parsed = SetCookie::parse(field.as_bytes(), 1024).unwrap();
            let expiry = parsed.expiry(None, UNIX_EPOCH);
            expiry.map(|expiry| expiry.duration_since(UNIX_EPOCH).unwrap().as_secs())
        };
        for (attributes, seconds) in [
            ("", None),
            ("max-age=5", Some(5)),
            ("max-age=-5", Some(0)),
            ("max-age=+5", None),
            ("max-age=5x", None),
            ("max-age=5; max-age=6", Some(6)),
            ("max-age=99999999999999999999999", None),
            ("expires=Thu, 01 Jan 1970 00:00:09 GMT", Some(9)),
            ("expires=Thu, 01 Jan 1970 00:00:09 GMT; max-age=5", Some(5)),
            ("expires=never", None),
        ] {
            assert_eq!(ends(attributes), seconds, "{attributes}");
        }
    }
}
