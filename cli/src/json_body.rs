//! The JSON body that items describe, by HTTPie's rules for nested names.
//!
//! `a=1` sets a field of the object, `a[b]=1` one of an object inside, `a[]=1` appends to an array, `a[2]=1` sets its
//! third element, and `[]=1` appends to an array that is the whole body. `\[` in a name is a bracket. Values given as
//! JSON go out as they were typed, long numbers and the order of fields included.

use serde::de::IgnoredAny;
use std::fmt::Write as _;

/// One item: its name, its value, and whether the value is JSON already.
pub(crate) type Field<'a> = (&'a str, String, bool);

/// An array that one name may make; more is a slip of the finger.
const LONGEST_ARRAY: usize = 10_000;

/// Writes the body, with a space after each `:` and `,` as HTTPie does.
pub(crate) fn write(fields: &[Field<'_>]) -> Result<String, String> {
    let mut body = Node::Unset;
    for (name, value, is_json) in fields {
        let value = match is_json {
            false => serde_json::Value::from(value.as_str()).to_string(),
            // Only whether it is JSON: a number may be longer than any type of ours.
            true => match serde_json::from_str::<IgnoredAny>(value) {
                Ok(_) => value.trim().to_owned(),
                Err(why) => return Err(format!("{name}:={value} is not JSON: {why}")),
            },
        };
        let steps = steps(name).map_err(|why| format!("{name}: {why}"))?;
        place(&mut body, &steps).map_err(|why| format!("{name}: {why}"))?.put(value);
    }
    let mut text = String::new();
    body.write(&mut text);
    Ok(text)
}

/// A JSON value under construction.
#[derive(Debug)]
enum Node {
    Unset,
    /// A finished value, as text.
    Value(String),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

/// One step of a name, from the outside in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

/// Cuts `a[b][]` into its steps.
fn steps(name: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let (root, mut rest) = literal(name)?;
    if !root.text.is_empty() || !rest.starts_with('[') {
        steps.push(Step::Key(root.text));
    }
    while let Some(inside) = rest.strip_prefix('[') {
        let (step, after) = literal(inside)?;
        rest = after.strip_prefix(']').ok_or("a closing bracket is missing")?;
        steps.push(match (step.text.as_str(), step.text.parse()) {
            ("", _) => Step::Append,
            (_, Ok(index)) if !step.escaped => Step::Index(index),
            (text, Err(_)) if !step.escaped && text.parse::<i64>().is_ok() => {
                return Err("an index counts from 0".into());
            }
            _ if steps.is_empty() => {
                return Err("a name that begins with a bracket begins an array: [] or [0]".into());
            }
            _ => Step::Key(step.text),
        });
    }
    match rest.chars().next() {
        None => Ok(steps),
        Some(found) => Err(format!("expected [ instead of {found:?}")),
    }
}

struct Literal {
    text: String,
    /// It held a backslash, so that it is a name even where it looks like a number.
    escaped: bool,
}

/// The text up to the next bracket, and what follows it.
fn literal(text: &str) -> Result<(Literal, &str), String> {
    let mut literal = Literal { text: String::new(), escaped: false };
    let mut characters = text.chars();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            None | Some('[' | ']') => return Ok((literal, rest)),
            Some('\\') => {
                let next = characters.next().ok_or("a backslash at the end")?;
                let special = "[]\\".contains(next) || (next.is_ascii_digit() && literal.text.is_empty());
                literal.escaped |= special;
                literal.text.extend((!special).then_some('\\').into_iter().chain([next]));
            }
            Some(plain) => literal.text.push(plain),
        }
    }
}

/// Walks the steps from `node`, making what is not there, to where the value goes.
fn place<'a>(mut node: &'a mut Node, steps: &[Step]) -> Result<&'a mut Node, String> {
    for step in steps {
        node = match step {
            Step::Key(key) => node.key(key)?,
            Step::Index(index) => node.index(*index)?,
            Step::Append => node.append()?,
        };
    }
    Ok(node)
}

impl Node {
    fn key(&mut self, key: &str) -> Result<&mut Node, String> {
        if let Node::Unset = self {
            *self = Node::Object(Vec::new());
        }
        let kind = self.kind();
        let Node::Object(fields) = self else {
            return Err(format!("cannot set the field {key:?} of {kind}"));
        };
        let at = fields.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            fields.push((key.to_owned(), Node::Unset));
            fields.len() - 1
        });
        Ok(&mut fields[at].1)
    }

    fn index(&mut self, index: usize) -> Result<&mut Node, String> {
        if index >= LONGEST_ARRAY {
            return Err(format!("expected an index below {LONGEST_ARRAY}"));
        }
        let elements = self.elements()?;
        while elements.len() <= index {
            elements.push(Node::Unset);
        }
        Ok(&mut elements[index])
    }

    fn append(&mut self) -> Result<&mut Node, String> {
        let elements = self.elements()?;
        elements.push(Node::Unset);
        let last = elements.len() - 1;
        Ok(&mut elements[last])
    }

    fn elements(&mut self) -> Result<&mut Vec<Node>, String> {
        if let Node::Unset = self {
            *self = Node::Array(Vec::new());
        }
        let kind = self.kind();
        match self {
            Node::Array(elements) => Ok(elements),
            Node::Unset | Node::Value(_) | Node::Object(_) => Err(format!("cannot set an element of {kind}")),
        }
    }

    fn put(&mut self, value: String) {
        *self = Node::Value(value);
    }

    fn kind(&self) -> &'static str {
        match self {
            Node::Unset => "nothing",
            Node::Value(_) => "a value",
            Node::Object(_) => "an object",
            Node::Array(_) => "an array",
        }
    }

    fn write(&self, into: &mut String) {
        match self {
            Node::Unset => into.push_str("null"),
            Node::Value(text) => into.push_str(text),
            Node::Object(fields) => {
                into.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    // Writing to a string cannot fail.
                    let _ = write!(into, "{comma}{}: ", serde_json::Value::from(name.as_str()));
                    value.write(into);
                }
                into.push('}');
            }
            Node::Array(elements) => {
                into.push('[');
                for (at, element) in elements.iter().enumerate() {
                    into.push_str(if at == 0 { "" } else { ", " });
                    element.write(into);
                }
                into.push(']');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(items: &[(&str, &str)]) -> Result<String, String> {
        let fields: Vec<_> = items.iter().map(|(name, value)| (*name, (*value).to_owned(), true)).collect();
        write(&fields)
    }

    #[test]
    fn text_is_quoted_and_json_stands_as_it_is() {
        let fields =
            [("name", "Jo\"hn".to_owned(), false), ("n", " 12345678901234567890.50e999 ".to_owned(), true)];
        assert_eq!(write(&fields).unwrap(), r#"{"name": "Jo\"hn", "n": 12345678901234567890.50e999}"#);
    }

    #[test]
    fn brackets_nest() {
        let text = body(&[("a[b][c]", "1"), ("a[list][]", "2"), ("a[list][]", "3"), ("a[b][d]", "4")]);
        assert_eq!(text.unwrap(), r#"{"a": {"b": {"c": 1, "d": 4}, "list": [2, 3]}}"#);
        assert_eq!(body(&[("a[2]", "1")]).unwrap(), r#"{"a": [null, null, 1]}"#);
        assert_eq!(body(&[("[]", "1"), ("[][x]", "2")]).unwrap(), r#"[1, {"x": 2}]"#);
    }

    #[test]
    fn a_backslash_makes_a_bracket_or_a_number_part_of_a_name() {
        assert_eq!(body(&[(r"a\[b\]", "1")]).unwrap(), r#"{"a[b]": 1}"#);
        assert_eq!(body(&[(r"a[\1]", "1")]).unwrap(), r#"{"a": {"1": 1}}"#);
        assert_eq!(body(&[("1", "1")]).unwrap(), r#"{"1": 1}"#);
    }

    #[test]
    fn a_name_given_twice_keeps_its_last_value() {
        assert_eq!(body(&[("a", "1"), ("b", "2"), ("a", "3")]).unwrap(), r#"{"a": 3, "b": 2}"#);
    }

    #[test]
    fn contradictions_and_broken_names_are_refused() {
        for items in [
            &[("a", "1"), ("a[b]", "2")][..],
            &[("a[b]", "1"), ("a[]", "2")],
            &[("[]", "1"), ("a", "2")],
            &[("a[", "1")],
            &[("a]", "1")],
            &[("a[b]c", "1")],
            &[("[a]", "1")],
            &[("a[99999999999]", "1")],
            &[("a[-1]", "1")],
            &[("a", "{")],
            &[("a\\", "1")],
        ] {
            assert!(body(items).is_err(), "{items:?}");
        }
    }
}
