//! The way of a request to its origin: straight, or through which proxy, and what that proxy is told.
//!
//! [`route`] asks `policy::proxy` and adds the fields that are for the proxy alone. It is asked for each request, each
//! redirect included. What is spoken to the proxy then is `tunnel` or `socks`; `client` dials.
//!
//! > RFC 9110 section 11.7.2: "Unlike Authorization, the Proxy-Authorization header field applies only to the next
//! > inbound proxy that demanded authentication".

use crate::config::Settings;
use crate::error::Result;
use crate::headers::Headers;
use crate::policy::auth::basic;
use crate::policy::proxy::{self, Decision, Environment, Facts, Server, Style};
use crate::url::{self, Url};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The field that goes to the proxy and nowhere else.
pub const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";

/// A proxy on a request's way, and what it is told.
#[derive(Debug, Clone)]
pub struct Proxy {
    server: Server,
    name: String,
    fields: Headers,
    id: u64,
}

/// Decides which proxy the request goes through.
///
/// # Errors
/// [`Kind::InvalidConfig`](crate::Kind) for a proxy whose URL cannot be read, `InvalidHeader` for credentials that no field
/// can hold.
pub fn route(
    url: &Url,
    given: &Headers,
    settings: &Settings,
    environment: Option<&Environment>,
) -> Result<Option<Proxy>> {
    // A socket of the file system leads to one place.
    if url.scheme() == url::Scheme::HttpUnix || settings.network.unix_socket.is_some() {
        return Ok(None);
    }
    let facts = Facts {
        scheme: url.scheme().as_str(),
        host: url.host(),
        port: Some(url.port()),
        request: settings.proxies.as_deref(),
        client: None,
        environment: environment.filter(|_| settings.trust_environment),
    };
    match proxy::decide(Style::Modern, &facts) {
        Decision::Direct => Ok(None),
        Decision::Through(text) => {
            let server = Server::parse(&text).map_err(|error| match settings.proxies {
                None => error.hint("an environment variable such as HTTP_PROXY names it"),
                Some(_) => error,
            })?;
            Proxy::new(server, given, settings).map(Some)
        }
    }
}

impl Proxy {
    /// The proxy `server` for a request with the fields `given`: a Proxy-Authorization among them goes before the
    /// credentials of the proxy's URL.
    ///
    /// # Errors
    /// `InvalidHeader` for credentials that no field can hold.
    pub fn new(server: Server, given: &Headers, settings: &Settings) -> Result<Proxy> {
        let mut fields = Headers::new();
        if !server.scheme.is_socks() {
            for value in given.get_all(PROXY_AUTHORIZATION) {
                fields.push(PROXY_AUTHORIZATION.as_bytes(), value)?;
            }
            let extra = settings.proxy_headers.iter().flat_map(|extra| extra.iter());
            let authorized = !fields.is_empty();
            for (name, value) in extra.filter(|(name, _)| !authorized || !is_authorization(name)) {
                fields.push(name.as_bytes(), value)?;
            }
            if let Some(credentials) = &server.credentials
                && !fields.contains(PROXY_AUTHORIZATION)
            {
                let value = basic::authorization(&basic::Rules::modern(), credentials)?;
                fields.push(PROXY_AUTHORIZATION.as_bytes(), value.as_bytes())?;
            }
        }
        let mut hasher = DefaultHasher::new();
        server.hash(&mut hasher);
        fields.raw().for_each(|field| field.hash(&mut hasher));
        Ok(Proxy { name: server.to_string(), id: hasher.finish(), server, fields })
    }

    /// Where it is, what it speaks, and who we are to it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its URL, without credentials.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields that it is told, beside those of any request.
    pub fn fields(&self) -> &Headers {
        &self.fields
    }

    /// Answers the proxy's challenge from now on. The number stays: to the proxy we are the same as before.
    ///
    /// # Errors
    /// `InvalidHeader` for a value that no field can hold.
    pub fn authorize(&mut self, value: &[u8]) -> Result<()> {
        self.fields.set(PROXY_AUTHORIZATION, value)
    }

    /// A number that stands for the proxy and all that it is told: connections are shared for the same one only.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// True where it is asked for URLs of that scheme themselves; else for a way to their host.
    pub fn forwards(&self, scheme: url::Scheme) -> bool {
        scheme == url::Scheme::Http && !self.server.scheme.is_socks()
    }
}

fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case(PROXY_AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::error::Kind;

    fn routed(config: Config, url: &str, given: &[(&str, &str)]) -> Result<Option<Proxy>> {
        let mut headers = Headers::new();
        given.iter().try_for_each(|(name, value)| headers.append(name, value))?;
        let environment = Environment::from_variables([("ALL_PROXY", "socks5://env.test")]);
        route(&Url::parse(url)?, &headers, &config.resolve()?, Some(&environment))
    }

    fn fields(proxy: &Proxy) -> Vec<(&str, &str)> {
        proxy.fields().iter().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect()
    }

    #[test]
    fn the_program_goes_before_the_environment_which_can_be_left_out() {
        let name = |config| routed(config, "http://a/", &[]).unwrap().map(|proxy| proxy.name().to_owned());
        assert_eq!(name(Config::new()).as_deref(), Some("socks5://env.test:1080"));
        assert_eq!(name(Config::new().proxy("p:1")).as_deref(), Some("http://p:1"));
        assert_eq!(name(Config::new().no_proxy()), None);
        assert_eq!(name(Config::new().trust_environment(false)), None);
    }

    #[test]
    fn credentials_of_the_url_become_one_field_and_the_callers_own_goes_before() {
        let config = Config::new().proxy("http://user:pass@p:1");
        let proxy = routed(config.clone(), "http://a/", &[]).unwrap().unwrap();
        assert_eq!(fields(&proxy), [("Proxy-Authorization", "Basic dXNlcjpwYXNz")]);
        let given = [("proxy-authorization", "Bearer x")];
        let other = routed(config, "http://a/", &given).unwrap().unwrap();
        assert_eq!(fields(&other), [("Proxy-Authorization", "Bearer x")]);
        assert_ne!(proxy.id(), other.id());
    }

    #[test]
    fn a_socks_proxy_gets_no_fields_and_forwards_nothing() {
        let config = Config::new().proxy("socks5://user:pass@p");
        let proxy = routed(config, "http://a/", &[("Proxy-Authorization", "x")]).unwrap().unwrap();
        assert!(proxy.fields().is_empty() && !proxy.forwards(url::Scheme::Http));
        let http = routed(Config::new().proxy("p:1"), "http://a/", &[]).unwrap().unwrap();
        assert!(http.forwards(url::Scheme::Http) && !http.forwards(url::Scheme::Https));
    }

    #[test]
    fn what_names_no_proxy_is_refused_and_says_where_it_stands() {
        let error = routed(Config::new().proxy("gopher://p"), "http://a/", &[]).unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (Kind::InvalidConfig, None));
        let environment = Environment::from_variables([("HTTP_PROXY", "gopher://p")]);
        let settings = Config::new().resolve().unwrap();
        let url = Url::parse("http://a/").unwrap();
        let error = route(&url, &Headers::new(), &settings, Some(&environment)).unwrap_err();
        assert!(error.hint_text().unwrap().contains("HTTP_PROXY"), "{error}");
    }
}
