//! Structured header values as Werkzeug reads them: parameters after `;`, lists of `name=value`, cookies, entity tags.
//!
//! Called by `content`, `cookies`, `digest` and `caching`; each leniency here is one of Werkzeug's.

use super::percent;

/// `multipart/form-data; boundary=x` to the value in lower case and its parameters, names in lower case, of RFC 2231
/// only the charset.
pub(in crate::origin) fn split_parameters(header: &str) -> (String, Vec<(String, String)>) {
    let (value, rest) = header.split_once(';').unwrap_or((header, ""));
    let mut parameters = Vec::new();
    for part in split_outside_quotes(rest, ';') {
        let Some((name, value)) = part.split_once('=') else { continue };
        let name = name.trim().to_ascii_lowercase();
        parameters.push(match name.strip_suffix('*') {
            Some(name) => (name.to_owned(), decode_extended(value.trim())),
            // Browsers write a quote within a file's name as %22.
            None => (name, unquote(value.trim()).replace("%22", "\"")),
        });
    }
    (value.trim().to_ascii_lowercase(), parameters)
}

/// `a=b, c="d, e"` to pairs; names as they are.
pub(in crate::origin) fn split_list(header: &str) -> Vec<(String, String)> {
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        Some((name.trim().to_owned(), unquote(value.trim())))
    };
    split_outside_quotes(header, ',').into_iter().filter_map(pair).collect()
}

/// The tags of `If-Match` and `If-None-Match`, weak or strong alike.
pub(in crate::origin) fn entity_tags(header: &str) -> Vec<String> {
    let tag = |part: &str| {
        let part = part.trim();
        let part = part.strip_prefix("W/").unwrap_or(part).trim_start_matches('"');
        part.split('"').next().unwrap_or_default().to_owned()
    };
    if header.is_empty() { Vec::new() } else { header.split(',').map(tag).collect() }
}

pub(in crate::origin) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|character| {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        }
        character == separator && !quoted
    })
    .collect()
}

/// A quoted string's content, without the backslashes before escaped characters; anything else as it is.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut out = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        out.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    out
}

/// RFC 2231 section 4: `UTF-8''na%C3%AFve`.
fn decode_extended(value: &str) -> String {
    let mut parts = value.splitn(3, '\'');
    let (Some(charset), Some(_language), Some(coded)) = (parts.next(), parts.next(), parts.next()) else {
        return value.to_owned();
    };
    let bytes = percent::decode(coded.as_bytes());
    decode(&bytes, charset).unwrap_or_else(|| coded.to_owned())
}

/// Text in one of the charsets which Werkzeug accepts; `None` for others.
pub(in crate::origin) fn decode(bytes: &[u8], charset: &str) -> Option<String> {
    match charset.to_ascii_lowercase().as_str() {
        "ascii" | "us-ascii" | "utf-8" => Some(String::from_utf8_lossy(bytes).into_owned()),
        "iso-8859-1" => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_may_hold_quotes_and_semicolons() {
        let (value, parameters) = split_parameters(r#"Form-Data; NAME="a;b"; filename="q\"u%22o"; x"#);
        assert_eq!(value, "form-data");
        assert_eq!(parameters, [("name".into(), "a;b".into()), ("filename".into(), "q\"u\"o".into())]);
    }

    #[test]
    fn an_extended_file_name_is_decoded() {
        let (_, parameters) = split_parameters("form-data; filename*=UTF-8''na%C3%AFve%20file.txt");
        assert_eq!(value(&parameters, "filename"), Some("naïve file.txt"));
    }

    #[test]
    fn entity_tags_lose_quotes_and_weakness() {
        assert_eq!(entity_tags("\"a\", W/\"b\",c, *"), ["a", "b", "c", "*"]);
    }
}
