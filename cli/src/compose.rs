//! From arguments to a request and the client's settings: HTTPie's rules for bodies and their media types.
//!
//! Reads the files that items name. Does not send; `main` does.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::items::{Item, Origin, Part};
use crate::json_body;
use crate::media_type;
use crate::multipart::Multipart;
use entreat::{Body, Config, RedirectRules, Request, Roots, Timeout, TlsRules};
use entreat_core::deadline;
use entreat_core::policy::auth::{Credentials, basic};
use std::io::{self, Read};
use std::path::Path;

/// What is to be sent.
pub(crate) struct Composed {
    pub(crate) config: Config,
    pub(crate) request: Request,
    pub(crate) content: Content,
}

/// The body, its media type and, where it is text that the caller typed, that text.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) body: Body,
    pub(crate) text: Option<String>,
    media_type: Option<String>,
}

/// What HTTPie asks for when it sends JSON.
const ACCEPT_JSON: &str = "application/json, */*;q=0.5";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Makes the request that the arguments describe.
pub(crate) fn compose(arguments: &Arguments) -> Result<Composed, Failure> {
    let target = &arguments.target;
    let mut request = Request::new(target.method.clone(), &target.url);
    let mut config = config(arguments)?;
    let mut left_out = Vec::new();
    for item in &target.items {
        let name = item.name.trim();
        match item.part {
            Part::Query => request = request.query(&item.name, value_of(item)?.trim_end_matches('\n')),
            Part::EmptyHeader => request = request.append_header(name, ""),
            Part::Header => match value_of(item)?.trim() {
                "" if name.eq_ignore_ascii_case("Accept-Encoding") => config = config.decompress(false),
                "" => left_out.push(may_be_left_out(name)?),
                value => request = request.append_header(name, value),
            },
            Part::Field | Part::Json | Part::File => {}
        }
    }
    let content = content(arguments)?;
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
    let roots = arguments.cacert.clone().map_or(Roots::System, Roots::Path);
    let tls = TlsRules { roots, accept_any_certificate: arguments.insecure };
    let config = Config::new().redirects(redirects).tls(tls);
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

fn content(arguments: &Arguments) -> Result<Content, Failure> {
    let items: Vec<&Item> = arguments.target.items.iter().filter(|item| item.is_data()).collect();
    if let Some(data) = &arguments.data {
        return raw(data, if arguments.form { FORM } else { JSON });
    }
    if let [Item { part: Part::File, name, value, .. }] = items[..]
        && name.is_empty()
    {
        return file(value);
    }
    match (arguments.form, items.iter().find(|item| item.part == Part::File)) {
        _ if items.is_empty() && arguments.form => {
            Ok(Content { media_type: Some(FORM.into()), ..Content::default() })
        }
        _ if items.is_empty() => Ok(Content::default()),
        (_, Some(item)) if item.name.is_empty() => Err(Failure::Usage(format!(
            "@{} is the whole body: it cannot stand beside other data",
            item.value
        ))),
        (false, Some(item)) => {
            Err(Failure::Usage(format!("{}@{} is a file of a form: add --form", item.name, item.value)))
        }
        (true, Some(_)) => multipart(&items),
        (true, None) => form(&items),
        (false, None) => json(&items),
    }
}

fn raw(data: &str, media_type: &str) -> Result<Content, Failure> {
    match data.strip_prefix('@').unwrap_or(if data == "-" { "-" } else { "" }) {
        "" => Ok(Content {
            body: data.to_owned().into(),
            text: Some(data.into()),
            media_type: Some(media_type.into()),
        }),
        "-" => {
            let body = Body::reader(io::stdin());
            Ok(Content { body, text: None, media_type: Some(media_type.into()) })
        }
        path => file(path),
    }
}

fn file(path: &str) -> Result<Content, Failure> {
    Ok(Content {
        body: Body::path(path)?,
        text: None,
        media_type: Some(media_type::of(Path::new(path)).into()),
    })
}

fn json(items: &[&Item]) -> Result<Content, Failure> {
    let mut fields = Vec::new();
    for item in items {
        let value = value_of(item)?;
        fields.push((item.name.as_str(), value, item.part == Part::Json));
    }
    let text = json_body::write(&fields).map_err(Failure::Usage)?;
    Ok(Content { body: text.clone().into(), text: Some(text), media_type: Some(JSON.into()) })
}

fn form(items: &[&Item]) -> Result<Content, Failure> {
    let mut pairs = Vec::new();
    for item in items {
        pairs.push((&item.name, form_value(item)?));
    }
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Ok(Content { body: text.clone().into(), text: Some(text), media_type: Some(FORM.into()) })
}

fn multipart(items: &[&Item]) -> Result<Content, Failure> {
    let mut parts = Multipart::new();
    for item in items {
        match item.part {
            Part::File => {
                let (path, named) = item.value.split_once(";type=").unwrap_or((&item.value, ""));
                let guessed = media_type::of(Path::new(path));
                let media_type = if named.is_empty() { guessed } else { named };
                parts
                    .file(&item.name, Path::new(path), media_type)
                    .map_err(|why| Failure::file(path, &why))?;
            }
            Part::Field | Part::Json | Part::Header | Part::EmptyHeader | Part::Query => {
                parts.field(&item.name, &form_value(item)?);
            }
        }
    }
    let media_type = Some(parts.media_type());
    Ok(Content { body: parts.finish(), text: None, media_type })
}

/// A form has text only: of JSON what is not an object or array goes as it is written.
fn form_value(item: &Item) -> Result<String, Failure> {
    let value = value_of(item)?;
    if item.part != Part::Json {
        return Ok(value);
    }
    match serde_json::from_str(&value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Ok(value.trim().into()),
        Ok(_) => Err(Failure::Usage(format!("{}:={value}: a form cannot hold such a JSON value", item.name))),
        Err(why) => Err(Failure::Usage(format!("{}:={value}: {why}", item.name))),
    }
}

/// The value as typed, or the text of the file that it names.
fn value_of(item: &Item) -> Result<String, Failure> {
    match item.origin {
        Origin::Literal => Ok(item.value.clone()),
        Origin::Path => {
            let mut text = String::new();
            let read = std::fs::File::open(&item.value).and_then(|mut file| file.read_to_string(&mut text));
            read.map(|_| text).map_err(|why| Failure::file(&item.value, &why))
        }
    }
}
