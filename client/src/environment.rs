//! What the environment of the process says about requests: read here and nowhere else, and once for each client.

use entreat_core::policy::auth::netrc::Netrc;
use entreat_core::policy::proxy;
use entreat_core::{Error, Kind, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The proxies that variables name.
pub(crate) fn proxies() -> proxy::Environment {
    let is_asked = |name: &str| name == "REQUEST_METHOD" || name.to_ascii_lowercase().ends_with("_proxy");
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| is_asked(name))
        .collect();
    proxy::Environment::from_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The netrc at `path`, which must be there; else the user's, by `NETRC` or in the home directory, which need not.
///
/// # Errors
/// [`Kind::InvalidConfig`] with the path, for a file that cannot be read or understood.
pub(crate) fn netrc(path: Option<&Path>) -> Result<Netrc> {
    let named = path.map(Path::to_owned).or_else(|| std::env::var_os("NETRC").map(PathBuf::from));
    let is_named = named.is_some();
    let at_home = || HOME.iter().find_map(std::env::var_os).map(|home| PathBuf::from(home).join(".netrc"));
    let Some(path) = named.or_else(at_home) else { return Ok(Netrc::default()) };
    let refuse = |error: Error| error.hint(format!("it is the netrc at {}", path.display()));
    match std::fs::read(&path) {
        Ok(bytes) => Netrc::parse(&String::from_utf8_lossy(&bytes)).map_err(refuse),
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => Ok(Netrc::default()),
        Err(error) => Err(refuse(
            Error::new(Kind::InvalidConfig).expected("a netrc that can be read").with_source(error),
        )),
    }
}

const HOME: [&str; 2] = ["HOME", "USERPROFILE"];
