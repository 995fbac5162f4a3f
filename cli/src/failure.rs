//! What can go wrong, what is printed then, and which exit status it is.
//!
//! The exit status says who can mend it: 1 the caller, 2 the network, 3 the server, 6 a limit. 4 and 5 are not
//! failures of the exchange but `--check-status`, and belong to `main`.

use entreat::{Blame, Error, Kind};
use std::io;

/// Why the command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong or contradicting arguments, or a file that cannot be read or written.
    Usage(String),
    /// The exchange failed.
    Exchange(Box<Error>),
    /// Whoever read the output has gone: nobody is left to tell.
    OutputClosed,
}

impl Failure {
    /// What happened to a local file, as one line.
    pub(crate) fn file(path: impl std::fmt::Display, error: &io::Error) -> Failure {
        Failure::Usage(format!("{path}: {error}"))
    }

    /// An error of standard output.
    pub(crate) fn output(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::file("standard output", error),
        }
    }

    /// Prints what happened, as a line or two, and returns the exit status.
    pub(crate) fn report(&self) -> u8 {
        match self {
            // `entreat … | head` got all that it wanted.
            Failure::OutputClosed => 0,
            Failure::Usage(why) => {
                eprintln!("entreat: {why}");
                1
            }
            Failure::Exchange(error) => {
                eprintln!("entreat: {error}");
                if let Some(hint) = hint(error).filter(|_| error.hint_text().is_none()) {
                    eprintln!("hint: {hint}");
                }
                match error.blame() {
                    Blame::Caller => 1,
                    Blame::Network => 2,
                    Blame::Peer => 3,
                    Blame::Limit => 6,
                }
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Exchange(Box::new(error))
    }
}

/// What to try, in this command's own terms.
fn hint(error: &Error) -> Option<&'static str> {
    match error.kind() {
        Kind::InvalidCertificate => {
            Some("--cacert FILE trusts another authority; --insecure accepts any certificate")
        }
        Kind::Tls => Some("does this port speak TLS? http:// asks without it"),
        Kind::TotalTimeout => Some("--timeout SECONDS allows more"),
        Kind::TooManyRedirects | Kind::InvalidRedirect => Some("--no-follow shows the redirect itself"),
        Kind::UnrewindableBody => {
            Some("--no-follow shows the redirect; a file can be sent twice, standard input cannot")
        }
        Kind::Resolve | Kind::Connect if error.proxy().is_some() => {
            Some("--no-proxy goes straight; perhaps HTTP_PROXY or the like is out of date")
        }
        Kind::Resolve => Some("is the host's name spelt right?"),
        _ => None,
    }
}
