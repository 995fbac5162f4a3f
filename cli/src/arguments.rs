//! The command line: options, and the words METHOD, URL and ITEM… among them.
//!
//! Decides what each word is: which is the method, how a short URL is completed, what may not stand together. The
//! items' own grammar is `items`; making a request of all this is `compose`.

use crate::items::{self, Item, Origin, Part};
use crate::network::Network;
use crate::security::Security;
use clap::error::{ContextKind, ErrorKind};
use clap::{ArgAction, Parser};
use std::path::PathBuf;

/// Send an HTTP request and print the answer.
#[derive(Debug, Parser)]
#[command(
    name = "entreat",
    version,
    override_usage = USAGE,
    after_help = AFTER_HELP,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Arguments {
    /// METHOD, URL and items.
    #[arg(required = true, value_name = "URL", hide = true)]
    words: Vec<String>,

    /// Send the items as a form, not as JSON
    #[arg(short, long)]
    pub(crate) form: bool,

    /// Add a header, as the item NAME:VALUE does
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE")]
    pub(crate) headers: Vec<String>,

    /// Send DATA as it is; @FILE: a file, -: the input
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// Basic authentication
    #[arg(short, long, value_name = "USER:PASSWORD")]
    pub(crate) user: Option<String>,

    /// Write the body to FILE
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print head and body, as on a terminal
    #[arg(short, long, conflicts_with = "body")]
    pub(crate) include: bool,

    /// Print the body alone, as in a pipe
    #[arg(short, long)]
    pub(crate) body: bool,

    /// Print the request and the redirects, too
    #[arg(short, long, conflicts_with = "body")]
    pub(crate) verbose: bool,

    // Whoever asks for a page wants the page, and the other faces follow, too. curl and HTTPie show the redirect.
    /// Follow up to 20 redirects [default]
    #[arg(long, overrides_with = "no_follow")]
    follow: bool,

    /// Print a redirect itself
    #[arg(long, overrides_with = "follow")]
    pub(crate) no_follow: bool,

    /// Give up when all takes longer [default: never]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) timeout: Option<f64>,

    #[command(flatten)]
    pub(crate) security: Security,

    #[command(flatten)]
    pub(crate) network: Network,

    /// Exit with 4 or 5 for a status of 4xx or 5xx
    #[arg(long)]
    pub(crate) check_status: bool,

    /// Print this help
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,

    /// What the words came to.
    #[arg(skip)]
    pub(crate) target: Target,
}

/// What is asked of whom.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) items: Vec<Item>,
}

const USAGE: &str = "entreat [OPTIONS] [METHOD] URL [ITEM]...";

const AFTER_HELP: &str = "\
METHOD is GET by default, POST where there is data. A URL needs no http://;
:3000/a is http://localhost:3000/a.

Items:
  name=value    a field of the JSON body, as text (with --form, of the form)
  name:=json    a field of the JSON body: a number, true, null, [...], {...}
  name:value    a header; name: leaves one out, name; sends it without a value
  name==value   a parameter of the URL's query
  name@file     a file to upload (with --form); @file alone: the whole body
  =@ :=@ :@ ==@ take the value from a file
  a[b]=1 a[]=2  nest: {\"a\": {\"b\": \"1\"}}, {\"a\": [\"2\"]}
  \\: \\= \\@ \\;   are no separators

A proxy is http://, https://, socks5h://, socks5://, socks4a:// or socks4://,
with user:password@ where it asks. Without --proxy, HTTP_PROXY, HTTPS_PROXY,
ALL_PROXY and NO_PROXY say which.

Without --timeout, an exchange may take as long as it likes, but no more than
10 seconds to connect, and 30 without a byte.

Exit status:
  0  an answer came, whatever its status
  1  wrong arguments, unreadable files
  2  no connection, or it broke
  3  the server broke the protocol, or cannot be trusted
  4  a status of 4xx, with --check-status
  5  a status of 5xx, with --check-status
  6  a limit: time-out, too many redirects

Examples:
  entreat example.org
  entreat :3000/items name=John admin:=true
  entreat --form POST :3000/items name=John job=developer
  entreat --output page.html https://example.org Accept:text/html";

/// What came of reading the command line.
pub(crate) enum Line {
    Request(Box<Arguments>),
    /// Help or the version was asked for: the text to print.
    Information(String),
    /// Why it is no request.
    Mistake(String),
}

/// Reads the command line of this process.
pub(crate) fn read() -> Line {
    match Arguments::parse_words(std::env::args_os()) {
        Ok(arguments) => Line::Request(Box::new(arguments)),
        Err(error) if !error.use_stderr() => Line::Information(error.render().to_string()),
        Err(error) => Line::Mistake(explain(&error)),
    }
}

impl Arguments {
    fn parse_words(
        line: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
    ) -> Result<Arguments, clap::Error> {
        let mut arguments = Arguments::try_parse_from(line)?;
        let words = std::mem::take(&mut arguments.words);
        arguments.target = arguments.divide(words).map_err(mistake)?;
        Ok(arguments)
    }

    fn divide(&self, words: Vec<String>) -> Result<Target, String> {
        let mut words = words.into_iter().peekable();
        let first = words.next().unwrap_or_default();
        let (method, url) = match words.peek() {
            Some(second) if is_method(&first) || has_scheme(second) => {
                (Some(first.to_ascii_uppercase()), words.next())
            }
            Some(_) | None => (None, Some(first)),
        };
        let url = complete(&url.unwrap_or_default());
        let mut items = words.map(|word| items::parse(&word)).collect::<Result<Vec<_>, _>>()?;
        for header in &self.headers {
            items.push(header_item(header)?);
        }
        let has_data = self.data.is_some() || items.iter().any(Item::is_data);
        if self.data.is_some() && items.iter().any(Item::is_data) {
            return Err("--data is the whole body: it cannot stand beside items that make one".into());
        }
        let method = method.unwrap_or_else(|| if has_data { "POST" } else { "GET" }.into());
        Ok(Target { method, url, items })
    }
}

/// A header as curl has it: no backslashes, and a space may follow the colon.
fn header_item(text: &str) -> Result<Item, String> {
    let (name, value, part) = match (text.split_once(':'), text.strip_suffix(';')) {
        (Some((name, value)), _) => (name, value, Part::Header),
        (None, Some(name)) => (name, "", Part::EmptyHeader),
        (None, None) => return Err(format!("{text:?} is not a header: expected Name:value")),
    };
    Ok(Item { name: name.into(), part, origin: Origin::Literal, value: value.into() })
}

/// Capital letters alone are a method, and the usual ones are in small letters, too; `localhost` is a host.
fn is_method(word: &str) -> bool {
    const USUAL: [&str; 8] = ["get", "head", "options", "post", "put", "patch", "delete", "trace"];
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        || USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(word))
}

/// No item begins like this, so that the word before it can only be meant as the method, whatever it is.
fn has_scheme(word: &str) -> bool {
    let scheme = word.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A URL with its scheme, and with `localhost` where it begins with a port.
fn complete(url: &str) -> String {
    if has_scheme(url) {
        return url.into();
    }
    match url.strip_prefix(':') {
        // `:/path` and `:` are localhost on port 80; `::1` is an address.
        Some(rest) if !rest.starts_with(':') => {
            let end = rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len());
            let (port, path) = rest.split_at(end);
            let colon = if port.is_empty() { "" } else { ":" };
            format!("http://localhost{colon}{port}{path}")
        }
        _ => format!("http://{}", url.strip_prefix("//").unwrap_or(url)),
    }
}

/// The parser's message in this command's form: one line, and a hint.
fn explain(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::MissingRequiredArgument {
        return format!("a URL is missing\nhint: {USAGE}");
    }
    let text = error.render().to_string();
    let why = text.lines().next().unwrap_or_default();
    let why = why.strip_prefix("error: ").unwrap_or(why);
    match error.get(ContextKind::SuggestedArg) {
        Some(near) => format!("{why}\nhint: did you mean {near}?"),
        None if error.kind() == ErrorKind::UnknownArgument => {
            format!("{why}\nhint: entreat --help lists them")
        }
        None => why.to_owned(),
    }
}

fn mistake(why: String) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(line: &[&str]) -> Target {
        let line = ["entreat"].iter().chain(line);
        Arguments::parse_words(line).unwrap_or_else(|why| panic!("{why}")).target
    }

    fn refused(line: &[&str]) -> String {
        explain(&Arguments::parse_words(["entreat"].iter().chain(line)).unwrap_err())
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn help_fits_into_80_columns() {
        let help = <Arguments as clap::CommandFactory>::command().render_help().to_string();
        let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
        assert!(widest.chars().count() <= 80, "{widest}");
    }

    #[test]
    fn the_method_follows_from_the_data() {
        assert_eq!(target(&["a"]).method, "GET");
        assert_eq!(target(&["a", "x==1", "X:1"]).method, "GET");
        assert_eq!(target(&["a", "x=1"]).method, "POST");
        assert_eq!(target(&["a", "-d", "x"]).method, "POST");
        assert_eq!(target(&["put", "a", "x=1"]).method, "PUT");
        assert_eq!(target(&["M-SEARCH", "a"]).method, "M-SEARCH");
        assert_eq!(target(&["purge", "http://a"]).method, "PURGE");
    }

    #[test]
    fn a_host_in_small_letters_is_no_method() {
        let target = target(&["localhost", "x=1"]);
        assert_eq!((target.method.as_str(), target.url.as_str()), ("POST", "http://localhost"));
    }

    #[test]
    fn short_urls_are_completed() {
        for (short, full) in [
            ("example.org/a", "http://example.org/a"),
            ("example.org:81", "http://example.org:81"),
            ("https://a", "https://a"),
            ("//a/b", "http://a/b"),
            (":", "http://localhost"),
            (":/a", "http://localhost/a"),
            (":3000/a", "http://localhost:3000/a"),
            (":3000", "http://localhost:3000"),
            ("[::1]:3000/a", "http://[::1]:3000/a"),
            ("a/?next=http://b", "http://a/?next=http://b"),
        ] {
            assert_eq!(complete(short), full);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(refused(&["a", "x=1", "-d", "y"]).contains("--data is the whole body"));
        assert!(refused(&["a", "-b", "-v"]).contains("cannot be used with"));
        assert!(refused(&["a", "b"]).contains("not a request item"));
        assert!(refused(&["a", "-H", "x=1"]).contains("not a header"));
        assert!(refused(&[]).contains("a URL is missing"));
        assert!(refused(&["a", "--folow"]).contains("did you mean --follow?"));
    }

    #[test]
    fn of_follow_and_no_follow_the_last_counts() {
        let parse = |line: &[&str]| Arguments::parse_words(["entreat"].iter().chain(line)).unwrap();
        assert!(parse(&["a", "--follow", "--no-follow"]).no_follow);
        assert!(!parse(&["a", "--no-follow", "--follow"]).no_follow);
    }
}
