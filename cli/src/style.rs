//! Colours: which, and whether at all.

use std::io::IsTerminal;

/// Escape sequences before each kind of text; all empty where there is no colour.
#[derive(Debug)]
pub(crate) struct Palette {
    /// Names of fields, in heads and in JSON.
    pub(crate) name: &'static str,
    /// Strings in JSON.
    pub(crate) text: &'static str,
    /// Numbers, true, false and null.
    pub(crate) number: &'static str,
    /// What is beside the point: the protocol's version, notes.
    pub(crate) faint: &'static str,
    /// Statuses below 300.
    pub(crate) good: &'static str,
    /// Statuses of 300 to 399.
    pub(crate) elsewhere: &'static str,
    /// Statuses of 400 and above.
    pub(crate) bad: &'static str,
    /// After each of them.
    pub(crate) reset: &'static str,
}

pub(crate) static PLAIN: Palette =
    Palette { name: "", text: "", number: "", faint: "", good: "", elsewhere: "", bad: "", reset: "" };

/// The terminal's own sixteen colours, which its user chose to be readable.
pub(crate) static COLOURED: Palette = Palette {
    name: "\x1b[36m",
    text: "\x1b[32m",
    number: "\x1b[33m",
    faint: "\x1b[2m",
    good: "\x1b[1;32m",
    elsewhere: "\x1b[1;33m",
    bad: "\x1b[1;31m",
    reset: "\x1b[0m",
};

/// What standard output deserves: colours on a terminal that can show them, unless NO_COLOR is set.
pub(crate) fn of_standard_output() -> &'static Palette {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb {
        true => &COLOURED,
        false => &PLAIN,
    }
}
