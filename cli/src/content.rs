//! The body: HTTPie's rules for what the items become, and which media type that has.
//!
//! Reads the files that items name; those that are sent as they are, only while they are sent.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::items::{Item, Origin, Part};
use crate::json_body;
use crate::media_type;
use entreat::{Body, Form, Part as FormPart};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The body, its media type and, where it is text that the caller typed, that text.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) body: Body,
    pub(crate) text: Option<String>,
    pub(crate) media_type: Option<String>,
}

pub(crate) const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Content {
    fn text(text: String, media_type: &str) -> Content {
        Content { body: text.clone().into(), text: Some(text), media_type: Some(media_type.into()) }
    }
}

/// Makes the body that the arguments describe: `--data` or `@file` as it is, else a form or JSON of the items.
pub(crate) fn content(arguments: &Arguments) -> Result<Content, Failure> {
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
    match data.strip_prefix('@') {
        None if data != "-" => Ok(Content::text(data.to_owned(), media_type)),
        None | Some("-") => {
            let body = Body::reader(io::stdin());
            Ok(Content { body, text: None, media_type: Some(media_type.into()) })
        }
        Some("") => Err(Failure::Usage("--data @ needs the path of a file".into())),
        Some(path) => file(path),
    }
}

fn file(path: &str) -> Result<Content, Failure> {
    let path = expand(path);
    let media_type = Some(media_type::of(&path).into());
    Ok(Content { body: Body::path(path)?, text: None, media_type })
}

fn json(items: &[&Item]) -> Result<Content, Failure> {
    let mut fields = Vec::new();
    for item in items {
        let value = value_of(item)?;
        fields.push((item.name.as_str(), value, item.part == Part::Json));
    }
    let text = json_body::write(&fields).map_err(Failure::Usage)?;
    Ok(Content::text(text, JSON))
}

fn form(items: &[&Item]) -> Result<Content, Failure> {
    let mut pairs = Vec::new();
    for item in items {
        pairs.push((&item.name, form_value(item)?));
    }
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Ok(Content::text(text, FORM))
}

fn multipart(items: &[&Item]) -> Result<Content, Failure> {
    let mut form = Form::new();
    for item in items {
        match item.part {
            Part::File => {
                let (path, named) = item.value.split_once(";type=").unwrap_or((&item.value, ""));
                let full = expand(path);
                let media_type = if named.is_empty() { media_type::of(&full) } else { named };
                form = form.part(&item.name, FormPart::file(&full).media_type(media_type));
            }
            Part::Field | Part::Json | Part::Header | Part::EmptyHeader | Part::Query => {
                form = form.text(&item.name, form_value(item)?);
            }
        }
    }
    let media_type = Some(form.media_type());
    Ok(Content { body: form.into_body()?, text: None, media_type })
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
pub(crate) fn value_of(item: &Item) -> Result<String, Failure> {
    match item.origin {
        Origin::Literal => Ok(item.value.clone()),
        Origin::Path => {
            let mut text = String::new();
            let read = File::open(expand(&item.value)).and_then(|mut file| file.read_to_string(&mut text));
            read.map(|_| text).map_err(|why| Failure::file(&item.value, &why))
        }
    }
}

/// A path as a shell would have it at the start of a word; after a separator none looks for `~/`.
fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}
