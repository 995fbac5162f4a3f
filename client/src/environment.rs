//! What the environment of the process says about requests: read here and nowhere else, and once for each client.

use entreat_core::policy::proxy;

/// The proxies that variables name.
pub(crate) fn proxies() -> proxy::Environment {
    let is_asked = |name: &str| name == "REQUEST_METHOD" || name.to_ascii_lowercase().ends_with("_proxy");
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| is_asked(name))
        .collect();
    proxy::Environment::from_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
