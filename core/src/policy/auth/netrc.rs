//! The file netrc: which user and password belong to a host.
//!
//! Decides what the text says, as Python's module `netrc` reads it (and with it requests): the GNU inetutils
//! format, with quotes and escapes. One thing is mended: a comment between entries may have several words.
//! Whoever has the file passes its text; whether its permissions are fit is theirs to judge. A host gets its
//! own entry or `default`, and never the entry of a host above or below it.
//!
//! > "machine name", "default", "login name", "password string", "account string", "macdef name … until a
//! > null line (consecutive new-line characters) is found" (netrc(5)).

use super::Credentials;
use crate::error::{Error, Kind, Result};
use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

/// The entries of one file.
#[derive(Debug, Clone, Default)]
pub struct Netrc {
    machines: HashMap<String, Entry>,
    default: Option<Entry>,
}

/// What one entry says. `Debug` hides the password, since [`Credentials`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `login` and `password`, empty where the file leaves them out.
    pub credentials: Credentials,
    /// `account`, empty where the file leaves it out.
    pub account: String,
}

impl Netrc {
    /// Reads the text of a file. Where a machine comes twice, the last entry counts.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the line of the word that is not expected. Words are not shown:
    /// they may be part of a password.
    pub fn parse(text: &str) -> Result<Netrc> {
        let mut netrc = Netrc::default();
        let mut lexer = Lexer { text: text.chars().peekable(), line: 1, pushed: None };
        loop {
            let line = lexer.line;
            let word = lexer.word();
            let machine = match word.as_str() {
                "" => return Ok(netrc),
                word if word.starts_with('#') => {
                    // A word that ended with its line has taken the line break along, and with it the
                    // comment.
                    if lexer.line == line {
                        lexer.skip_line();
                    }
                    continue;
                }
                "machine" => Some(lexer.word()).filter(|name| !name.is_empty()).ok_or_else(|| lexer.bad())?,
                "default" => String::new(),
                "macdef" => {
                    lexer.word();
                    lexer.skip_macro()?;
                    continue;
                }
                _ => return Err(lexer.bad()),
            };
            let entry = lexer.entry()?;
            if word == "default" || machine == "default" {
                netrc.default = Some(entry);
            } else {
                netrc.machines.insert(machine, entry);
            }
        }
    }

    /// The entry for a host, or the default one. The host comes as URLs have it: lower case, no port, no
    /// brackets.
    pub fn lookup(&self, host: &str) -> Option<&Entry> {
        self.machines.get(host).or(self.default.as_ref())
    }

    /// What is sent to a host: its login, or its account where there is no login, and its password.
    pub fn credentials(&self, host: &str) -> Option<Credentials> {
        self.lookup(host).and_then(Entry::sent)
    }

    /// As [`Netrc::credentials`], out of the host's own entry alone: for a host that somebody else chose, by a redirect.
    /// `default` is for the hosts that the user asks for.
    pub fn own_credentials(&self, host: &str) -> Option<Credentials> {
        self.machines.get(host).and_then(Entry::sent)
    }
}

impl Entry {
    fn sent(&self) -> Option<Credentials> {
        let Entry { credentials, account } = self;
        let user = if credentials.user.is_empty() { account } else { &credentials.user };
        if user.is_empty() && credentials.password.is_empty() {
            return None;
        }
        Some(Credentials::new(user.clone(), credentials.password.clone()))
    }
}

struct Lexer<'a> {
    text: Peekable<Chars<'a>>,
    line: usize,
    pushed: Option<String>,
}

impl Lexer<'_> {
    /// The words behind `machine NAME`, up to the next entry.
    fn entry(&mut self) -> Result<Entry> {
        let mut entry = Entry { credentials: Credentials::new("", ""), account: String::new() };
        loop {
            let line = self.line;
            let word = self.word();
            match word.as_str() {
                "" | "machine" | "default" | "macdef" => {
                    self.pushed = Some(word);
                    return Ok(entry);
                }
                "login" | "user" => entry.credentials.user = self.word(),
                "account" => entry.account = self.word(),
                "password" => entry.credentials.password = self.word(),
                word if word.starts_with('#') => {
                    if self.line == line {
                        self.skip_line();
                    }
                }
                _ => return Err(self.bad()),
            }
        }
    }

    /// The next word, empty at the end. Quotes count only at its start; a backslash makes any character
    /// literal.
    fn word(&mut self) -> String {
        if let Some(word) = self.pushed.take() {
            return word;
        }
        let mut word = String::new();
        let Some(first) = std::iter::from_fn(|| self.next()).find(|&letter| !is_space(letter)) else {
            return word;
        };
        let quoted = first == '"';
        let mut letter = if quoted { self.next() } else { Some(first) };
        while let Some(current) = letter {
            match current {
                '"' if quoted => break,
                current if !quoted && is_space(current) => break,
                '\\' => word.extend(self.next()),
                current => word.push(current),
            }
            letter = self.next();
        }
        word
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.text.next()?;
        self.line += usize::from(letter == '\n');
        Some(letter)
    }

    fn skip_line(&mut self) -> bool {
        let mut any = false;
        while let Some(letter) = self.next() {
            if letter == '\n' {
                return any;
            }
            any = true;
        }
        any
    }

    /// Up to and with the first empty line.
    fn skip_macro(&mut self) -> Result<()> {
        while self.text.peek().is_some() {
            if !self.skip_line() {
                return Ok(());
            }
        }
        Err(self.bad())
    }

    fn bad(&self) -> Error {
        Error::new(Kind::InvalidConfig)
            .expected("machine, default, login, password, account or macdef in netrc")
            .seen(format!("another word, or the end, at line {}", self.line))
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, '\n' | '\t' | '\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: &str) -> Option<(String, String)> {
        let credentials = Netrc::parse(text).unwrap().credentials(host)?;
        Some((credentials.user, credentials.password))
    }

    fn pair(user: &str, password: &str) -> Option<(String, String)> {
        Some((user.to_owned(), password.to_owned()))
    }

    #[test]
    fn a_host_gets_its_own_entry_or_the_default() {
        let text = "machine a.test login u password p\nmachine b.test\n\tuser v\n\tpassword q\n\
                    default login d password e";
        assert_eq!(found(text, "a.test"), pair("u", "p"));
        assert_eq!(found(text, "b.test"), pair("v", "q"));
        assert_eq!(found(text, "sub.a.test"), pair("d", "e"));
        assert_eq!(found("machine a.test login u password p", "sub.a.test"), None);
    }

    #[test]
    fn words_are_read_as_python_reads_them() {
        for (word, password) in [
            ("\"with space\"", "with space"),
            ("\"esc\\\"aped\"", "esc\"aped"),
            ("back\\ slash", "back slash"),
            ("\"\\\\\"", "\\"),
            ("pa#ss", "pa#ss"),
            ("#pass", "#pass"),
            ("pa\"ss", "pa\"ss"),
        ] {
            let text = format!("machine h login u password {word}\n");
            assert_eq!(found(&text, "h"), pair("u", password), "{word}");
        }
    }

    #[test]
    fn comments_and_macros_are_skipped() {
        let text = "# top\n#\n#x machine z\nmacdef init\nmachine h\nlogin no\n\n\
                    machine h # own\nlogin u\n# in between\npassword p";
        assert_eq!(found(text, "h"), pair("u", "p"));
    }

    #[test]
    fn an_account_stands_in_for_a_missing_login() {
        assert_eq!(found("machine h account a password p", "h"), pair("a", "p"));
        assert_eq!(found("machine h password p", "h"), pair("", "p"));
        assert_eq!(found("machine h", "h"), None);
    }

    #[test]
    fn broken_files_are_refused_with_the_line_and_without_the_words() {
        for text in ["hush", "machine", "machine h\nlogin u\nhush", "macdef init\nhush"] {
            let error = Netrc::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidConfig);
            assert!(error.to_string().contains("line") && !error.to_string().contains("hush"), "{error}");
        }
    }
}
