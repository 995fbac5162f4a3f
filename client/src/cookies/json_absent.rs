//! In the place of `json` without the feature of that name.

use entreat_core::policy::cookies::Cookie;
use entreat_core::{Error, Kind, Result};

pub(super) fn write<'a>(_cookies: impl Iterator<Item = &'a Cookie>) -> Result<String> {
    Err(absent())
}

pub(super) fn read(_text: &str) -> Result<Vec<Cookie>> {
    Err(absent())
}

fn absent() -> Error {
    Error::new(Kind::InvalidConfig)
        .expected("cookies.txt")
        .seen("JSON")
        .hint("the feature `json` of the crate entreat reads and writes it")
}
