//! What the environment says, read anew for each request, as requests does, but without making a string of it.
//!
//! Two questions: is there any proxy variable, and is there a netrc file? A yes to either sends the request to Python.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// True where a variable of the environment asks for a proxy, in either case.
///
/// One pass over all variables: `getenv` for each name would be eight.
pub(crate) fn names_a_proxy() -> bool {
    any_variable(|name, value| {
        !value.is_empty() && name.len() > 6 && name[name.len() - 6..].eq_ignore_ascii_case(b"_proxy")
    })
}

/// True where a variable names a bundle of authorities, as requests and curl read them.
pub(crate) fn names_a_bundle() -> bool {
    any_variable(|name, value| !value.is_empty() && matches!(name, b"REQUESTS_CA_BUNDLE" | b"CURL_CA_BUNDLE"))
}

/// True where there is a netrc file, or `NETRC` names one.
pub(crate) fn has_netrc() -> bool {
    let mut found = false;
    any_variable(|name, value| {
        match name {
            b"NETRC" => found = true,
            b"HOME" => {
                let home = Path::new(OsStr::from_bytes(value));
                found |= home.join(".netrc").exists() || home.join("_netrc").exists();
            }
            _ => {}
        }
        false
    });
    found
}

/// Asks `test` about each variable, name and value, until it says yes.
fn any_variable(mut test: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    // SAFETY: `environ` is a null-terminated array of strings, or null. Python changes it with the GIL held, and every
    // caller holds the GIL; the strings are only looked at before this returns.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let bytes = CStr::from_ptr(*entry).to_bytes();
            if let Some(at) = bytes.iter().position(|byte| *byte == b'=')
                && test(&bytes[..at], &bytes[at + 1..])
            {
                return true;
            }
            entry = entry.add(1);
        }
    }
    false
}
