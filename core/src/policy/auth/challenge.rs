//! Challenges, as WWW-Authenticate and Proxy-Authenticate hold them: RFC 9110 sections 11.2, 11.3 and 11.6.1.
//!
//! Only the grammar. Lenient: what cannot be read is skipped up to the next comma, since one odd challenge
//! must not hide the others. Called by the engine on 401 and 407, and by `digest` for Authentication-Info.
//!
//! > "challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]", "auth-param = token BWS "=" BWS ( token /
//! > quoted-string )". "A user agent … will need to take special care in parsing the field value, as it might
//! > contain more than one challenge, and each challenge can contain a comma-separated list of authentication
//! > parameters."

use crate::headers::is_token;

/// One challenge. Values are bytes, unquoted: hashes are made of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    /// The scheme, as it was written.
    pub scheme: String,
    /// The one value of schemes such as Negotiate.
    pub token68: Option<String>,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// True where the scheme is `name`, in whatever case.
    pub fn is(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }

    /// The first parameter of that name, in whatever case.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        let found = self.parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// The same, where it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.parameter(name)?).ok()
    }

    /// The realm, empty where none is given.
    pub fn realm(&self) -> &[u8] {
        self.parameter("realm").unwrap_or_default()
    }
}

/// All challenges of all fields, in order.
pub fn challenges<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let mut found = Vec::new();
    for field in fields {
        read_field(field, &mut found);
    }
    found
}

/// The parameters of a field that is a list of them alone, such as Authentication-Info.
pub(super) fn parameters(field: &[u8]) -> Challenge {
    let mut challenge = Challenge::default();
    let mut reader = Reader { rest: field };
    while reader.skip_to_item() {
        match reader.parameter() {
            Some(parameter) => challenge.parameters.push(parameter),
            None => reader.skip_item(),
        }
    }
    challenge
}

fn read_field(field: &[u8], found: &mut Vec<Challenge>) {
    let first = found.len();
    let mut reader = Reader { rest: field };
    while reader.skip_to_item() {
        // A parameter belongs to the challenge before it; before the first challenge there is none.
        if let Some(parameter) = reader.parameter() {
            if let Some(challenge) = found[first..].last_mut() {
                challenge.parameters.push(parameter);
            }
            continue;
        }
        let Some(scheme) = reader.token() else {
            reader.skip_item();
            continue;
        };
        let mut challenge = Challenge { scheme, ..Challenge::default() };
        if reader.spaces() > 0 {
            challenge.token68 = reader.token68();
        }
        found.push(challenge);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Past commas and white space; false at the end.
    fn skip_to_item(&mut self) -> bool {
        let empty = self.rest.iter().take_while(|byte| matches!(byte, b',' | b' ' | b'\t')).count();
        self.rest = &self.rest[empty..];
        !self.rest.is_empty()
    }

    /// Up to the next comma.
    fn skip_item(&mut self) {
        let length = self.rest.iter().position(|&byte| byte == b',').unwrap_or(self.rest.len());
        self.rest = &self.rest[length..];
    }

    fn spaces(&mut self) -> usize {
        let count = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[count..];
        count
    }

    fn token(&mut self) -> Option<String> {
        let length = self.rest.iter().take_while(|byte| is_token(std::slice::from_ref(byte))).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then(|| String::from_utf8_lossy(token).into_owned())
    }

    /// `token BWS "=" BWS ( token / quoted-string )`; takes nothing where the text is something else.
    fn parameter(&mut self) -> Option<(String, Vec<u8>)> {
        let start = self.rest;
        let parameter = self.try_parameter();
        if parameter.is_none() {
            self.rest = start;
        }
        parameter
    }

    fn try_parameter(&mut self) -> Option<(String, Vec<u8>)> {
        let name = self.token()?;
        self.spaces();
        self.rest = self.rest.strip_prefix(b"=")?;
        self.spaces();
        if let Some(rest) = self.rest.strip_prefix(b"\"") {
            self.rest = rest;
            return Some((name, self.quoted_string()));
        }
        // Lenient: servers leave out quotes where they must not, so the value goes up to a comma or a space.
        let length = self.rest.iter().position(|byte| matches!(byte, b',' | b' ' | b'\t'));
        let (value, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some((name, value.to_vec()))
    }

    /// Behind the opening quote. Where the closing one is missing, the rest is the value.
    fn quoted_string(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    let Some((&escaped, rest)) = self.rest.split_first() else { break };
                    self.rest = rest;
                    value.push(escaped);
                }
                byte => value.push(byte),
            }
        }
        value
    }

    /// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`, where nothing else stands up to the
    /// comma.
    fn token68(&mut self) -> Option<String> {
        let is_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let body = self.rest.iter().take_while(|byte| is_body(byte)).count();
        let padding = self.rest[body..].iter().take_while(|&&byte| byte == b'=').count();
        let (token, rest) = self.rest.split_at(body + padding);
        let end = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        if body == 0 || !matches!(end, None | Some(b',')) {
            return None;
        }
        self.rest = rest;
        Some(String::from_utf8_lossy(token).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Vec<Challenge> {
        challenges([field.as_bytes()])
    }

    fn schemes(field: &str) -> Vec<String> {
        read(field).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn the_rfcs_example_holds_two_challenges() {
        let found = read(r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#);
        assert_eq!(found.len(), 2);
        assert!(found[0].is("basic") && found[1].is("NEWAUTH"));
        assert_eq!(found[0].realm(), b"simple");
        assert_eq!(found[1].text("TITLE"), Some(r#"Login to "apps""#));
        assert_eq!(found[1].text("type"), Some("1"));
    }

    #[test]
    fn schemes_without_parameters_and_with_token68() {
        assert_eq!(schemes("Negotiate, NTLM"), ["Negotiate", "NTLM"]);
        let found = read("Negotiate YWJj==, Basic realm=x");
        assert_eq!(found[0].token68.as_deref(), Some("YWJj=="));
        assert_eq!(found[1].text("realm"), Some("x"));
        assert_eq!(read("NTLM TlRM ")[0].token68.as_deref(), Some("TlRM"));
    }

    #[test]
    fn commas_and_schemes_inside_quotes_are_text() {
        let found = read(r#"Basic realm="a, Digest realm=b", charset="UTF-8""#);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].realm(), found[0].text("charset")), (&b"a, Digest realm=b"[..], Some("UTF-8")));
    }

    #[test]
    fn several_fields_are_one_list() {
        let found = challenges([&b"Basic realm=a"[..], b"stray=1, Digest realm=b"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].parameter("stray"), None);
    }

    #[test]
    fn sloppy_fields_are_read_as_far_as_possible() {
        assert_eq!(schemes(""), Vec::<String>::new());
        assert_eq!(schemes(" , ,Basic , "), ["Basic"]);
        assert_eq!(read("Basic realm = \"a\"")[0].realm(), b"a");
        assert_eq!(read("Basic realm=\"open")[0].realm(), b"open");
        assert_eq!(read("Basic realm=\"open\\")[0].realm(), b"open");
        assert_eq!(read("Digest nonce=a/b==, realm=x")[0].text("nonce"), Some("a/b=="));
        assert_eq!(schemes("@@@, Basic"), ["Basic"]);
    }

    #[test]
    fn every_cut_of_a_field_ends() {
        let field = br#"Basic realm="a\"b", Digest nonce="x", Negotiate abc=, "#;
        for end in 0..=field.len() {
            challenges([&field[..end]]);
        }
    }
}
