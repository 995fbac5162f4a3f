//! What the environment says for a request, as requests asks it each time, but without making a string of it.
//!
//! One pass over the variables, which looks at their names and at hardly any value; and none where `os.environ` is as it
//! was at the last one. A netrc file sends the request to Python's own code; what proxies and bundles are worth is
//! `way`'s affair.

use crate::support::Support;
use crate::watch;
use entreat_core::policy::proxy;
use pyo3::prelude::*;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// What concerns requests.
#[derive(Debug, Default, Clone)]
pub(crate) struct Environment {
    /// A variable asks for a proxy, in either case.
    pub(crate) proxy: bool,
    /// A variable names a bundle of authorities: `REQUESTS_CA_BUNDLE` first, then `CURL_CA_BUNDLE`.
    bundles: [Option<PathBuf>; 2],
    /// `NETRC` is set.
    netrc: bool,
    /// The two usual places of a netrc file, below `HOME`, each with a NUL behind it.
    usual_netrc: Option<[Vec<u8>; 2]>,
}

impl Environment {
    /// Of one that nobody asks.
    pub(crate) fn nothing() -> Arc<Environment> {
        static NOTHING: LazyLock<Arc<Environment>> = LazyLock::new(Arc::default);
        Arc::clone(&NOTHING)
    }

    /// As it is now. Where dictionaries have versions, that of `os.environ` tells whether anything has changed: as for
    /// requests, a variable that was set behind its back, by `os.putenv`, does not count.
    pub(crate) fn current(py: Python<'_>, support: &Support) -> Arc<Environment> {
        static LAST: Mutex<Option<(u64, Arc<Environment>)>> = Mutex::new(None);
        let Some(variables) = &support.variables else { return Arc::new(Environment::read(py)) };
        let version = watch::version(variables.bind(py));
        // Locked only with the GIL held, so never across a fork; and what a panic leaves is whole.
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, environment)) if *known == version => Arc::clone(environment),
            Some(_) | None => {
                let environment = Arc::new(Environment::read(py));
                *last = Some((version, Arc::clone(&environment)));
                environment
            }
        }
    }

    fn read(_py: Python<'_>) -> Environment {
        unsafe extern "C" {
            static environ: *const *const libc::c_char;
        }
        let mut found = Environment::default();
        // SAFETY: `environ` is a null-terminated array of strings, or null. Python changes it with the GIL held, which is
        // held here (`_py`); the strings are only looked at before this returns.
        unsafe {
            let mut entry = environ;
            while !entry.is_null() && !(*entry).is_null() {
                found.look_at((*entry).cast());
                entry = entry.add(1);
            }
        }
        found
    }

    /// # Safety
    /// `variable` points to `name=value` with a NUL behind it.
    unsafe fn look_at(&mut self, variable: *const u8) {
        // SAFETY: the caller vouches for the NUL: no byte behind the first one is read.
        unsafe {
            // The C library looks at many bytes at once.
            let end = libc::strchr(variable.cast(), i32::from(b'=')).cast::<u8>().cast_const();
            if end.is_null() {
                return;
            }
            let name = std::slice::from_raw_parts(variable, end.offset_from_unsigned(variable));
            // Nearly all variables end here, by their last byte.
            if !matches!(name.last(), Some(b'Y' | b'y' | b'E' | b'C')) {
                return;
            }
            let value = end.add(1);
            let is_set = *value != 0;
            match name {
                b"HOME" => {
                    let home = CStr::from_ptr(value.cast()).to_bytes();
                    self.usual_netrc = Some([[home, b"/.netrc\0"].concat(), [home, b"/_netrc\0"].concat()]);
                }
                b"NETRC" => self.netrc = true,
                b"REQUESTS_CA_BUNDLE" if is_set => self.bundles[0] = Some(path(CStr::from_ptr(value.cast()))),
                b"CURL_CA_BUNDLE" if is_set => self.bundles[1] = Some(path(CStr::from_ptr(value.cast()))),
                [.., a, b, c, d, e, f] if [*a, *b, *c, *d, *e, *f].eq_ignore_ascii_case(b"_proxy") => {
                    self.proxy |= is_set;
                }
                _ => {}
            }
        }
    }

    /// The bundle of authorities that a variable names, as requests and curl read them.
    pub(crate) fn bundle(&self) -> Option<&Path> {
        self.bundles.iter().flatten().next().map(PathBuf::as_path)
    }

    /// The proxies that variables name.
    pub(crate) fn proxies(&self) -> proxy::Environment {
        let is_asked = |name: &str| name == "REQUEST_METHOD" || name.to_ascii_lowercase().ends_with("_proxy");
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| is_asked(name))
            .collect();
        proxy::Environment::from_variables(
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }

    /// As if there were none.
    pub(crate) fn forget_bundle(&mut self) {
        self.bundles = [None, None];
    }

    /// The same.
    pub(crate) fn forget_netrc(&mut self) {
        (self.netrc, self.usual_netrc) = (false, None);
    }

    /// True where there may be a netrc file: `NETRC` names one, or one of the two usual ones is there.
    pub(crate) fn has_netrc(&self) -> bool {
        self.netrc || self.usual_netrc.iter().flatten().any(|path| exists(path))
    }
}

#[cfg(unix)]
fn path(text: &CStr) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(text.to_bytes()).into()
}

#[cfg(not(unix))]
fn path(text: &CStr) -> PathBuf {
    text.to_string_lossy().into_owned().into()
}

/// `path` ends with a NUL. Anything but a clear "no such file" counts as there.
fn exists(path: &[u8]) -> bool {
    assert!(path.ends_with(b"\0"), "a path for the C library ends with a NUL");
    // SAFETY: the path ends with a NUL, and lives across the call.
    let outcome = unsafe { libc::access(path.as_ptr().cast(), libc::F_OK) };
    outcome == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::NotFound
}
