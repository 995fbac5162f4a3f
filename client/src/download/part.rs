//! A file that is not yet whole: `NAME.part`, and `NAME.part.from` which says what it is the start of.
//!
//! The latter holds two lines: a hash of the URL that was asked for, as tokens may stand in it, and the validator of the
//! version. It is there before the first byte of the former, and only where there is a validator that proves something.

use super::range::Facts;
use entreat_core::policy::date;
use entreat_core::{Error, Headers};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much older than its answer a Last-Modified must be to name one version only (RFC 9110 section 8.8.2.2).
const SETTLED: Duration = Duration::from_secs(60);

/// What a part is the start of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    url: String,
    /// A strong ETag with its quotes, or a Last-Modified.
    pub(super) validator: String,
}

/// A file that is being filled.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    pub(super) length: u64,
    pub(super) origin: Origin,
    hasher: Option<Sha256>,
}

impl Origin {
    /// What an answer says about its version, where that can be relied on.
    pub(super) fn of(url: &str, headers: &Headers) -> Option<Origin> {
        let etag = headers
            .get_str("ETag")
            .filter(|etag| etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'));
        let validator = etag.or_else(|| {
            let modified = headers.get_str("Last-Modified")?;
            let age =
                date::parse(headers.get("Date")?)?.duration_since(date::parse(modified.as_bytes())?).ok()?;
            (age >= SETTLED).then_some(modified)
        })?;
        Some(Origin { url: fingerprint(url), validator: validator.to_owned() })
    }

    fn read(path: &Path) -> Option<Origin> {
        let text = fs::read_to_string(path).ok()?;
        let (url, validator) = text.strip_suffix('\n')?.split_once('\n')?;
        Some(Origin { url: url.to_owned(), validator: validator.to_owned() })
    }
}

impl Part {
    /// What an earlier attempt at the same URL left for `target`, where it can be gone on with.
    pub(super) fn find(target: &Path, url: &str, hashed: bool) -> io::Result<Option<Part>> {
        let path = beside(target, ".part");
        let Some(origin) = Origin::read(&beside(&path, ".from")) else { return Ok(None) };
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if origin.url != fingerprint(url) || length == 0 {
            return Ok(None);
        }
        let hasher = if hashed { Some(hash(&path)?) } else { None };
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Some(Part { path, file, length, origin, hasher }))
    }

    /// An empty one for `target`; what was there before is gone.
    pub(super) fn create(target: &Path, origin: Option<Origin>, hashed: bool) -> io::Result<Part> {
        let path = beside(target, ".part");
        let note = beside(&path, ".from");
        let _ = fs::remove_file(&note);
        let file = File::create(&path)?;
        if let Some(Origin { url, validator }) = &origin {
            fs::write(&note, format!("{url}\n{validator}\n"))?;
        }
        let origin = origin.unwrap_or(Origin { url: String::new(), validator: String::new() });
        Ok(Part { path, file, length: 0, origin, hasher: hashed.then(Sha256::new) })
    }

    pub(super) fn facts(&self, is_checked: bool) -> Facts<'_> {
        Facts { length: self.length, validator: &self.origin.validator, is_checked }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        Ok(())
    }

    /// The SHA-256 of what is there, where that was to be found out.
    pub(super) fn sha256(&self) -> Option<String> {
        self.hasher.clone().map(|hasher| hexadecimal(&hasher.finalize()))
    }

    /// It is whole: gives it its name.
    pub(super) fn keep(self, target: &Path) -> io::Result<()> {
        drop(self.file);
        fs::rename(&self.path, target)?;
        let _ = fs::remove_file(beside(&self.path, ".from"));
        Ok(())
    }

    /// It is of no use.
    pub(super) fn discard(self) {
        drop(self.file);
        let _ = fs::remove_file(beside(&self.path, ".from"));
        let _ = fs::remove_file(&self.path);
    }

    /// An error in the middle, with what can be done about it.
    pub(super) fn hint(&self, error: Error) -> Error {
        if self.origin.validator.is_empty() || error.hint_text().is_some() {
            return error;
        }
        error.hint(format!(
            "{} bytes are in {}: run it again to go on from there",
            self.length,
            self.path.display()
        ))
    }
}

/// The path with `suffix` behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn hash(path: &Path) -> io::Result<Sha256> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut piece = vec![0; super::PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher),
            count => hasher.update(&piece[..count]),
        }
    }
}

fn fingerprint(url: &str) -> String {
    hexadecimal(&Sha256::digest(url.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
