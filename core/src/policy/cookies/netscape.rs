//! Cookies as a text that other programs read as well: the file cookies.txt of Netscape, curl, wget and
//! Python.
//!
//! Decides what a line means and how one is written. Whoever has the file passes its text and writes what
//! comes back. No RFC says any of this; curl's documentation of the format is the one that is followed.
//! SameSite, for which the format has no place, is lost; so are names and values with tabs, which are left
//! out.
//!
//! > Seven fields with a tab between them: domain, whether hosts below it are meant, path, whether TLS is
//! > asked for, expiry in seconds since 1970 (0 for the session), name, value. `#HttpOnly_` before the domain
//! > marks what its name says; any other line that begins with `#` is a comment.

use super::{Cookie, Jar, SameSite};
use crate::error::{Error, Kind, Result};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HEADER: &str = "# Netscape HTTP Cookie File\n";
const HTTP_ONLY: &str = "#HttpOnly_";

impl Jar {
    /// All cookies that have not expired, one a line. Those that end with the session are among them if
    /// `session` is true.
    pub fn to_netscape(&self, session: bool, now: SystemTime) -> String {
        let mut text = String::from(HEADER);
        for cookie in self.iter() {
            if !cookie.is_expired(now) && (session || cookie.expires.is_some()) {
                write_line(&mut text, cookie);
            }
        }
        text
    }

    /// Adds the cookies of a text. Those that have expired end what is there, as they would in a response.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the number of the first line that is not a cookie; nothing is added then.
    pub fn add_netscape(&mut self, text: &str, now: SystemTime) -> Result<()> {
        let mut cookies = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let is_comment = line.starts_with('#') && !line.starts_with(HTTP_ONLY);
            if is_comment || line.trim().is_empty() {
                continue;
            }
            cookies.push(read_line(line).ok_or_else(|| {
                Error::new(Kind::InvalidConfig)
                    .expected("seven fields with tabs between them, as in a cookies.txt of Netscape or curl")
                    .seen(format!("something else at line {}", index + 1))
            })?);
        }
        for cookie in cookies {
            self.insert(cookie, now);
        }
        Ok(())
    }
}

fn write_line(text: &mut String, cookie: &Cookie) {
    let (Ok(name), Ok(value)) = (std::str::from_utf8(&cookie.name), std::str::from_utf8(&cookie.value))
    else {
        return;
    };
    if [name, value, &cookie.path].iter().any(|part| part.contains(char::is_control)) {
        return;
    }
    let flag = |set: bool| if set { "TRUE" } else { "FALSE" };
    let mark = if cookie.http_only { HTTP_ONLY } else { "" };
    // Python and wget tell by the dot, curl by the flag.
    let dot = if cookie.host_only { "" } else { "." };
    let seconds = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Cookie { domain, path, .. } = cookie;
    let (below, secure) = (flag(!cookie.host_only), flag(cookie.secure));
    let expires = cookie.expires.map_or(0, seconds);
    writeln!(text, "{mark}{dot}{domain}\t{below}\t{path}\t{secure}\t{expires}\t{name}\t{value}")
        .expect("a String takes all that is written to it");
}

fn read_line(line: &str) -> Option<Cookie> {
    let (http_only, line) = match line.strip_prefix(HTTP_ONLY) {
        Some(line) => (true, line),
        None => (false, line),
    };
    let fields: Vec<&str> = line.split('\t').collect();
    let (fields, value) = match fields.as_slice() {
        [fields @ .., value] if fields.len() == 6 => (fields, *value),
        // An empty value may have lost its tab.
        fields if fields.len() == 6 => (fields, ""),
        _ => return None,
    };
    let [domain, below, path, secure, expires, name] = fields else { return None };
    let flag = |text: &str| match text.to_ascii_uppercase().as_str() {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    };
    let seconds: u64 = if expires.is_empty() { 0 } else { expires.parse().ok()? };
    let domain_name = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    if domain_name.is_empty() || !path.starts_with('/') {
        return None;
    }
    // Python writes a cookie without a value as one without a name; read as Python does.
    let (name, value) = if name.is_empty() { (value, "") } else { (*name, value) };
    Some(Cookie {
        name: name.into(),
        value: value.into(),
        host_only: !flag(below)? && !domain.starts_with('.'),
        domain: domain_name,
        path: (*path).to_owned(),
        secure: flag(secure)?,
        http_only,
        same_site: SameSite::Unset,
        expires: (seconds > 0).then(|| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))).flatten(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Facts;
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn sample() -> Jar {
        let mut jar = Jar::new();
        let facts = Facts { secure: true, host: "www.a.test", path: "/x/y" };
        for field in ["own=1", "shared=2; domain=a.test; path=/; max-age=60; secure; httponly", "empty="] {
            jar.store(&facts, field.as_bytes(), NOW);
        }
        jar
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = sample().to_netscape(true, NOW);
        assert!(text.contains("\n#HttpOnly_.a.test\tTRUE\t/\tTRUE\t60\tshared\t2\n"), "{text}");
        assert!(text.contains("\nwww.a.test\tFALSE\t/x\tFALSE\t0\town\t1\n"), "{text}");
        let mut jar = Jar::new();
        jar.add_netscape(&text, NOW).unwrap();
        assert!(jar.iter().eq(sample().iter()));
    }

    #[test]
    fn session_cookies_stay_out_on_demand_and_expired_ones_always() {
        let text = sample().to_netscape(false, NOW);
        assert!(text.contains("shared") && !text.contains("own"), "{text}");
        assert_eq!(sample().to_netscape(false, NOW + Duration::from_secs(60)), HEADER);
    }

    #[test]
    fn files_of_other_programs_are_read() {
        let mut jar = Jar::new();
        let text = "# Netscape HTTP Cookie File\r\n\r\n# comment\n\
                    .a.test\tTRUE\t/\tFALSE\t\tsession\tv\r\nb.test\tFALSE\t/\tfalse\t9\tempty\n";
        jar.add_netscape(text, NOW).unwrap();
        assert_eq!(jar.len(), 2);
        assert_eq!(jar.get("session").unwrap().value, b"v");
        assert!(jar.get("empty").unwrap().host_only);
    }

    #[test]
    fn a_line_that_is_no_cookie_is_named_and_nothing_is_added() {
        for line in [
            "nonsense",
            "a\tMAYBE\t/\tTRUE\t0\tn\tv",
            "a\tTRUE\tx\tTRUE\t0\tn\tv",
            "a\tTRUE\t/\tTRUE\t-1\tn\tv",
        ] {
            let mut jar = Jar::new();
            let text = format!("a.test\tTRUE\t/\tFALSE\t0\tn\tv\n{line}\n");
            let error = jar.add_netscape(&text, NOW).unwrap_err();
            assert!(error.to_string().contains("line 2"), "{error}");
            assert!(jar.is_empty());
        }
    }
}
