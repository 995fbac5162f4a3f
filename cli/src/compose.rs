//! From arguments to a request and the client's settings.
//!
//! Decides URL, headers, authentication and settings; the body is `content`. Does not send; `main` does.

use crate::arguments::Arguments;
use crate::content::{self, Content, JSON};
use crate::failure::Failure;
use crate::items::Part;
use entreat::{Config, RedirectRules, Request, Timeout};
use entreat_core::deadline;
use entreat_core::policy::auth::{Credentials, basic};

/// What is to be sent.
pub(crate) struct Composed {
    pub(crate) config: Config,
    pub(crate) request: Request,
    pub(crate) content: Content,
}

/// What HTTPie asks for when it sends JSON.
const ACCEPT_JSON: &str = "application/json, */*;q=0.5";

/// Makes the request that the arguments describe.
pub(crate) fn compose(arguments: &Arguments) -> Result<Composed, Failure> {
    let target = &arguments.target;
    let mut request = Request::new(target.method.clone(), &target.url);
    let mut config = config(arguments)?;
    let mut left_out = Vec::new();
    for item in &target.items {
        let name = item.name.trim();
        match item.part {
            Part::Query => {
                request = request.query(&item.name, content::value_of(item)?.trim_end_matches('\n'))
            }
            Part::EmptyHeader => request = request.append_header(name, ""),
            Part::Header => match content::value_of(item)?.trim() {
                "" if name.eq_ignore_ascii_case("Accept-Encoding") => config = config.decompress(false),
                "" => left_out.push(may_be_left_out(name)?),
                value => request = request.append_header(name, value),
            },
            Part::Field | Part::Json | Part::File => {}
        }
    }
    let content = content::content(arguments)?;
    for (name, value) in defaults(arguments, &content)? {
        let given = request.headers().contains(name);
        if !given && !left_out.iter().any(|out| out.eq_ignore_ascii_case(name)) {
            request = request.header(name, value);
        }
    }
    let request = request.body(content.body.clone());
    Ok(Composed { config, request, content })
}

/// Headers for which an item of the same name goes before.
fn defaults(arguments: &Arguments, content: &Content) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut headers = Vec::new();
    if let Some(media_type) = &content.media_type {
        if media_type == JSON {
            headers.push(("Accept", ACCEPT_JSON.to_owned()));
        }
        headers.push(("Content-Type", media_type.clone()));
    }
    if let Some(user) = &arguments.user {
        headers.push(("Authorization", basic_authorization(user)?));
    }
    Ok(headers)
}

fn config(arguments: &Arguments) -> Result<Config, Failure> {
    let redirects = RedirectRules { follow: !arguments.no_follow, ..RedirectRules::modern() };
    let config =
        arguments.network.apply(Config::new().redirects(redirects).tls(arguments.security.rules()?))?;
    match arguments.timeout {
        None => Ok(config),
        Some(seconds) => Ok(config.timeout(Timeout::total(deadline::seconds("--timeout", seconds)?))),
    }
}

/// A header that is absent unless somebody sets it. The others the client sends whatever happens.
fn may_be_left_out(name: &str) -> Result<&str, Failure> {
    match ["Host", "User-Agent"].iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
        true => Err(Failure::Usage(format!("{name} cannot be left out; \"{name};\" sends it empty"))),
        false => Ok(name),
    }
}

fn basic_authorization(user: &str) -> Result<String, Failure> {
    let Some((user, password)) = user.split_once(':') else {
        let why = "--user needs USER:PASSWORD; \"USER:\" is an empty password";
        return Err(Failure::Usage(why.into()));
    };
    Ok(basic::authorization(&basic::Rules::modern(), &Credentials::new(user, password))?)
}
