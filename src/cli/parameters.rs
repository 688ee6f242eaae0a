//! The parameters file: JSON as Microsoft's samples have it, read strictly where a mistake would matter.
//!
//! Comments and trailing commas are tolerated, because the documents that users copy from have them. Every error names the
//! file, the line and the key.

use std::path::Path;

use jsonc_parser::ast::{Array, Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};

use super::layer::{Credential, Given, Layer, Origin, SecretSource};
use crate::error::UsageError;
use crate::redact::foreign;
use crate::secret::Secret;

/// What a parameters file says.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) layer: Layer,
    /// Whether a secret's value itself stands in the file.
    pub(crate) holds_secret: bool,
    /// Keys that mean nothing, as sentences.
    pub(crate) warnings: Vec<String>,
}

/// Keys that have a meaning, each with the one that it is another name for. Those of other flows are known, so that one
/// file can serve several commands.
const KEYS: &[(&str, &str)] = &[
    ("authority", "authority"),
    ("certificate_file", "certificate_file"),
    ("claims", "claims"),
    ("client_assertion", "client_assertion"),
    ("client_certificate_path", "certificate_file"),
    ("client_credential", "client_credential"),
    ("client_id", "client_id"),
    ("client_secret", "secret"),
    ("cloud", "cloud"),
    ("domain_hint", "domain_hint"),
    ("endpoint", "endpoint"),
    ("flow", "flow"),
    ("login_hint", "login_hint"),
    ("oidc_authority", "oidc_authority"),
    ("passphrase", "passphrase"),
    ("password", "password"),
    ("pem_file", "private_key_file"),
    ("private_key_file", "private_key_file"),
    ("private_key_pfx_path", "certificate_file"),
    ("prompt", "prompt"),
    ("redirect_uri", "redirect_uri"),
    ("refresh_token", "refresh_token"),
    ("resource", "resource"),
    ("scope", "scope"),
    ("scopes", "scope"),
    ("secret", "secret"),
    ("send_certificate_chain", "send_certificate_chain"),
    ("tenant", "tenant_id"),
    ("tenant_id", "tenant_id"),
    ("thumbprint", "thumbprint"),
    ("user_assertion", "user_assertion"),
    ("username", "username"),
];

/// Keys of which one alone makes a certificate, or a federated assertion, the credential.
const OTHER_CREDENTIALS: &[(&str, &str)] =
    &[("private_key_file", "a certificate"), ("certificate_file", "a certificate"), ("client_assertion", "a federated assertion")];

/// Keys of other flows whose values are secrets.
const OTHER_SECRETS: &[&str] = &["client_assertion", "passphrase", "user_assertion"];

/// A file's text, and what errors call it.
struct Document<'a> {
    name: &'a str,
    text: &'a str,
    /// The folder that paths inside are relative to.
    folder: &'a Path,
}

/// Reads the text of a parameters file.
///
/// # Errors
///
/// When it is not one JSON object, when a key stands twice, or when a value is not of its key's type.
pub(crate) fn parse(name: &str, text: &str, folder: &Path) -> Result<Parameters, UsageError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document { name, text, folder };
    let root = document.root()?;
    let mut parameters = Parameters::default();
    let known = document.known(&root, &mut parameters.warnings)?;
    for (key, property) in known {
        document.take(key, property, &mut parameters)?;
    }
    Ok(parameters)
}

impl<'a> Document<'a> {
    fn root(&self) -> Result<Object<'a>, UsageError> {
        let options = ParseOptions { allow_comments: true, allow_trailing_commas: true, ..STRICT };
        let parsed = jsonc_parser::parse_to_ast(self.text, &CollectOptions::default(), &options).map_err(|error| {
            let kind = error.kind().to_string();
            match kind.starts_with("Unterminated") || kind.contains("Expected colon") && self.text.trim_end().ends_with('"') {
                true => UsageError::new(format!("{} ends in the middle of its JSON, at line {}", self.name, self.text.lines().count()))
                    .fix("complete the file"),
                false => UsageError::new(format!(
                    "{} line {}, column {} is not JSON: {}",
                    self.name,
                    error.line_display(),
                    error.column_display(),
                    kind.to_lowercase()
                )),
            }
        })?;
        match parsed.value {
            Some(Value::Object(root)) => Ok(root),
            Some(other) => {
                let line = self.line(other.start());
                Err(UsageError::new(format!("{} line {line} does not begin with {{", self.name)).fix(FORM))
            }
            None => Err(UsageError::new(format!("{} line 1: the file is empty", self.name)).fix(FORM)),
        }
    }

    /// The properties that mean something, by the key that each stands for.
    fn known<'b>(&self, root: &'b Object<'a>, warnings: &mut Vec<String>) -> Result<Vec<(&'static str, &'b ObjectProp<'a>)>, UsageError> {
        let mut known: Vec<(&'static str, &ObjectProp<'a>)> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for property in &root.properties {
            let name = property.name.as_str();
            if name.starts_with("note") || name.starts_with('_') {
                continue;
            }
            if seen.contains(&name) {
                return Err(UsageError::new(format!("{} stands twice", self.place(property))).fix("leave one of them out"));
            }
            seen.push(name);
            let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == name) else {
                warnings.push(format!(
                    "{} is not a known key and is ignored; the nearest known one is \"{}\"",
                    self.place(property),
                    nearest(name)
                ));
                continue;
            };
            if matches!(property.value, Value::NullKeyword(_)) {
                continue;
            }
            if let Some((_, other)) = known.iter().find(|(other, _)| other == key) {
                let what = format!("{} and \"{}\" mean the same", self.place(property), other.name.as_str());
                return Err(UsageError::new(what).fix("leave one of them out"));
            }
            known.push((key, property));
        }
        Ok(known)
    }

    fn take(&self, key: &'static str, property: &ObjectProp<'a>, parameters: &mut Parameters) -> Result<(), UsageError> {
        let layer = &mut parameters.layer;
        let text = || self.string(property).map(Some);
        match key {
            "authority" => layer.authority = text()?,
            "oidc_authority" => layer.oidc_authority = text()?,
            "tenant_id" => layer.tenant = text()?,
            "cloud" => layer.cloud = text()?,
            "client_id" => layer.client_id = text()?,
            "resource" => layer.resource = text()?,
            "claims" => layer.claims = Some(self.claims(property)?),
            "scope" => layer.scope = Some(self.scopes(property)?),
            "secret" => {
                let secret = self.secret(property)?;
                parameters.holds_secret |= matches!(secret, SecretSource::Literal(_));
                layer.credentials.push(self.given(property, Credential::Secret(secret)));
            }
            "username" => layer.username = text()?,
            "redirect_uri" => layer.redirect_uri = text()?,
            "prompt" => layer.prompt = text()?,
            "login_hint" => layer.login_hint = text()?,
            "domain_hint" => layer.domain_hint = text()?,
            "refresh_token" => {
                let token = self.secret(property)?;
                parameters.holds_secret |= matches!(token, SecretSource::Literal(_));
                layer.refresh_token = Some(self.given(property, token));
            }
            "password" => {
                let password = self.secret(property)?;
                parameters.holds_secret |= matches!(password, SecretSource::Literal(_));
                layer.password = Some(self.given(property, password));
            }
            "client_credential" => {
                let credential = self.client_credential(property)?;
                parameters.holds_secret |= matches!(credential, Credential::Secret(SecretSource::Literal(_)));
                layer.credentials.push(self.given(property, credential));
            }
            _ => {
                parameters.holds_secret |= OTHER_SECRETS.contains(&key) && matches!(property.value, Value::StringLit(_));
                if let Some((_, what)) = OTHER_CREDENTIALS.iter().find(|(other, _)| *other == key) {
                    layer.credentials.push(self.given(property, Credential::Unsupported(what)));
                }
            }
        }
        Ok(())
    }

    fn string(&self, property: &ObjectProp<'a>) -> Result<Given<String>, UsageError> {
        let Value::StringLit(text) = &property.value else { return Err(self.wrong_type(property, "a string")) };
        let text = text.value.trim();
        if text.is_empty() {
            return Err(UsageError::new(format!("{} is empty", self.place(property))).fix("give it a value, or null to leave it out"));
        }
        Ok(self.given(property, text.to_owned()))
    }

    fn scopes(&self, property: &ObjectProp<'a>) -> Result<Given<Vec<String>>, UsageError> {
        const WANTED: &str = "a string or an array of strings";
        let texts: Vec<&str> = match &property.value {
            Value::StringLit(text) => vec![&text.value],
            Value::Array(list) => strings(list).ok_or_else(|| self.wrong_type(property, WANTED))?,
            _ => return Err(self.wrong_type(property, WANTED)),
        };
        let scopes: Vec<String> = texts.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect();
        if scopes.is_empty() {
            return Err(UsageError::new(format!("{} is empty", self.place(property)))
                .fix("name a scope, as in [\"https://graph.microsoft.com/.default\"]"));
        }
        Ok(self.given(property, scopes))
    }

    /// A claims request: as JSON, or as JSON text in a string.
    fn claims(&self, property: &ObjectProp<'a>) -> Result<Given<String>, UsageError> {
        match &property.value {
            Value::StringLit(_) => self.string(property),
            Value::Object(object) => Ok(self.given(property, object.text(self.text).to_owned())),
            _ => Err(self.wrong_type(property, "an object or a string")),
        }
    }

    /// A secret: its value, or an object that says where it is.
    fn secret(&self, property: &ObjectProp<'a>) -> Result<SecretSource, UsageError> {
        const WANTED: &str = "a string or one of {\"env\": \"NAME\"}, {\"file\": \"PATH\"} and {\"command\": [\"PROGRAM\", \"ARGUMENT\"]}";
        let wrong = || self.wrong_type(property, WANTED);
        let object = match &property.value {
            Value::StringLit(text) => return Ok(SecretSource::Literal(Secret::new(text.value.clone().into_owned()))),
            Value::Object(object) => object,
            _ => return Err(wrong()),
        };
        let [place] = object.properties.as_slice() else { return Err(wrong()) };
        match (place.name.as_str(), &place.value) {
            ("env", Value::StringLit(name)) if !name.value.is_empty() => Ok(SecretSource::Environment(name.value.clone().into_owned())),
            ("file", Value::StringLit(path)) if path.value == "-" => Ok(SecretSource::StandardInput),
            ("file", Value::StringLit(path)) if !path.value.is_empty() => Ok(SecretSource::File(self.folder.join(&*path.value))),
            ("command", Value::Array(list)) => {
                let mut words: Vec<String> = strings(list).ok_or_else(wrong)?.into_iter().map(str::to_owned).collect();
                let program = words.first_mut().filter(|program| !program.is_empty()).ok_or_else(wrong)?;
                if program.contains('/') {
                    *program = self.folder.join(&*program).to_string_lossy().into_owned();
                }
                Ok(SecretSource::Command(words))
            }
            _ => Err(wrong()),
        }
    }

    /// MSAL Python's `client_credential`: a string is a secret, an object is a certificate or an assertion.
    fn client_credential(&self, property: &ObjectProp<'a>) -> Result<Credential, UsageError> {
        if let Value::Object(object) = &property.value {
            let has = |name: &str| object.properties.iter().any(|property| property.name.as_str() == name);
            if has("client_assertion") {
                return Ok(Credential::Unsupported("a federated assertion"));
            }
            if has("private_key") || has("private_key_pfx_path") || has("thumbprint") {
                return Ok(Credential::Unsupported("a certificate"));
            }
        }
        self.secret(property).map(Credential::Secret)
    }

    fn given<T>(&self, property: &ObjectProp<'a>, value: T) -> Given<T> {
        let from = Origin::File { file: self.name.to_owned(), line: self.line(property.start()), key: property.name.as_str().to_owned() };
        Given { value, from }
    }

    fn wrong_type(&self, property: &ObjectProp<'a>, wanted: &str) -> UsageError {
        UsageError::new(format!("{} is {}, and must be {wanted}", self.place(property), described(&property.value)))
    }

    fn place(&self, property: &ObjectProp<'a>) -> String {
        format!("{} line {}: \"{}\"", self.name, self.line(property.start()), foreign(property.name.as_str()))
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }
}

/// The smallest file that does something, for advice.
pub(crate) const FORM: &str = "write it as {\"tenant_id\": \"…\", \"client_id\": \"…\", \"scope\": [\"https://graph.microsoft.com/.default\"], \"secret\": {\"env\": \"NAME\"}}";

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn strings<'b>(list: &'b Array<'_>) -> Option<Vec<&'b str>> {
    list.elements.iter().map(|element| element.as_string_lit().map(|text| &*text.value)).collect()
}

fn described(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object of another form",
        Value::Array(_) => "an array of another form",
        Value::NullKeyword(_) => "null",
    }
}

/// The known key that is spelt most like a name.
fn nearest(name: &str) -> &'static str {
    let likeness = |key: &str| strsim::jaro_winkler(key, &name.to_ascii_lowercase());
    let best = KEYS.iter().max_by(|(a, _), (b, _)| likeness(a).total_cmp(&likeness(b)));
    best.map_or("", |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Parameters, String> {
        parse("p.json", text, Path::new("/etc/app")).map_err(|error| error.what)
    }

    #[test]
    fn microsofts_daemon_sample_is_read_as_it_is() {
        let sample = r#"{
            "authority": "https://login.microsoftonline.com/contoso.com",
            "oidc_authority": null,
            "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
            "scope": [ "https://graph.microsoft.com/.default" ],
            "secret": "qWgdYAmab0YSkuL1qKv5bPX",
            "endpoint": "https://graph.microsoft.com/v1.0/users",
            "note": "free text", "note2": 5, "_x": {}
        }"#;
        let parameters = read(sample).unwrap();
        assert!(parameters.warnings.is_empty() && parameters.holds_secret);
        let client_id = parameters.layer.client_id.unwrap();
        assert_eq!(client_id.from.to_string(), "p.json line 4, \"client_id\"");
        assert_eq!(parameters.layer.scope.unwrap().value, ["https://graph.microsoft.com/.default"]);
        assert!(parameters.layer.oidc_authority.is_none());
    }

    #[test]
    fn comments_trailing_commas_and_a_byte_order_mark_are_tolerated() {
        let parameters = read("\u{feff}{ // here\n \"scopes\": \"a b\", /* there */ }").unwrap();
        assert_eq!(parameters.layer.scope.unwrap().value, ["a", "b"]);
    }

    #[test]
    fn errors_name_file_line_and_key() {
        for (text, what) in [
            ("", "p.json line 1: the file is empty"),
            ("  \n ", "p.json line 1: the file is empty"),
            ("[1]", "p.json line 1 does not begin with {"),
            ("{\n\"client_id\": 5}", "p.json line 2: \"client_id\" is a number, and must be a string"),
            ("{\n\n\"scope\": [1]}", "p.json line 3: \"scope\" is an array of another form, and must be a string or an array of strings"),
            ("{\"scope\": []}", "p.json line 1: \"scope\" is empty"),
            ("{\"client_id\": \" \"}", "p.json line 1: \"client_id\" is empty"),
            ("{\"client_id\": \"a\",\n\"client_id\": \"b\"}", "p.json line 2: \"client_id\" stands twice"),
            ("{\"scope\": \"a\",\n\"scopes\": \"b\"}", "p.json line 2: \"scopes\" and \"scope\" mean the same"),
            ("{\"client_id\": \"a\",\n\"scope\"", "p.json ends in the middle of its JSON, at line 2"),
            ("{\"client_id\": \"a\",\n\"scope\": [\"b", "p.json ends in the middle of its JSON, at line 2"),
            ("{\n'a': 1}", "p.json line 2, column 1 is not JSON: single-quoted strings are not allowed"),
        ] {
            assert_eq!(read(text).unwrap_err(), what, "{text}");
        }
        assert!(read(&"[".repeat(100_000)).unwrap_err().contains("nesting depth"));
        assert!(read(&"{\"a\":".repeat(100_000)).unwrap_err().contains("nesting depth"));
    }

    #[test]
    fn a_misspelt_key_is_a_warning_with_the_nearest_one() {
        let parameters = read("{\n\"clientid\": \"a\", \"Scope\": \"b\"}").unwrap();
        assert_eq!(
            parameters.warnings,
            [
                "p.json line 2: \"clientid\" is not a known key and is ignored; the nearest known one is \"client_id\"",
                "p.json line 2: \"Scope\" is not a known key and is ignored; the nearest known one is \"scope\"",
            ]
        );
    }

    #[test]
    fn a_secret_says_where_it_is() {
        let source = |text: &str| match read(&format!("{{\"secret\": {text}}}"))
            .map(|mut parameters| parameters.layer.credentials.remove(0).value)
        {
            Ok(Credential::Secret(source)) => Ok(source),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        assert!(matches!(source("\"x\""), Ok(SecretSource::Literal(secret)) if secret.expose() == "x"));
        assert!(matches!(source("{\"env\": \"N\"}"), Ok(SecretSource::Environment(name)) if name == "N"));
        assert!(matches!(source("{\"file\": \"s/t\"}"), Ok(SecretSource::File(path)) if path == Path::new("/etc/app/s/t")));
        assert!(matches!(source("{\"file\": \"/s\"}"), Ok(SecretSource::File(path)) if path == Path::new("/s")));
        assert!(matches!(source("{\"file\": \"-\"}"), Ok(SecretSource::StandardInput)));
        assert!(
            matches!(source("{\"command\": [\"./get\", \"it\"]}"), Ok(SecretSource::Command(words)) if words == ["/etc/app/./get", "it"])
        );
        for bad in [
            "5",
            "[]",
            "{}",
            "{\"env\": 1}",
            "{\"command\": []}",
            "{\"command\": [\"a\", 1]}",
            "{\"env\": \"A\", \"file\": \"B\"}",
            "{\"path\": \"x\"}",
        ] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }
}
