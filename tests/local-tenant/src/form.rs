//! Parameters of token and authorization requests (RFC 6749 appendix B), read strictly.

use crate::record::Recorded;

/// The parameters of a request, none of them twice, none of them empty.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

/// Why a body is no such form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// `Content-Type` is something else.
    NotAForm,
    /// Not percent-encoded UTF-8.
    BadEncoding,
    /// RFC 6749 section 3.2: parameters must not be included more than once.
    Repeated(String),
}

impl Form {
    pub(crate) fn parse(request: &Recorded) -> Result<Form, Malformed> {
        let media_type = request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Malformed::NotAForm);
        }
        Form::read(&request.body)
    }

    /// The parameters of an authorization request: the query of a GET, the body of a POST (OpenID Connect Core 1.0 section
    /// 3.1.2.1).
    pub(crate) fn of_authorization(request: &Recorded) -> Result<Form, Malformed> {
        match request.method.as_str() {
            "POST" => Form::parse(request),
            _ => Form::read(request.query.as_deref().unwrap_or_default().as_bytes()),
        }
    }

    fn read(bytes: &[u8]) -> Result<Form, Malformed> {
        if percent_decode(bytes).is_none() {
            return Err(Malformed::BadEncoding);
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes).into_owned() {
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Malformed::Repeated(name));
            }
            pairs.push((name, value));
        }
        // RFC 6749 section 3.2: parameters without a value are treated as if they were not there.
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Form(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Text of which every percent sign begins an escape, in which nothing is raw that must be escaped, and which is UTF-8.
pub(crate) fn percent_decode(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                decoded.push(digit(*high)? << 4 | digit(*low)?);
                after
            }
            (b'%' | 0..=b' ' | 0x7f.., _) => return None,
            _ => {
                decoded.push(*first);
                tail
            }
        };
    }
    String::from_utf8(decoded).ok()
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
