//! MSAL's unified schema: one JSON object with a map for each kind of entry, which every MSAL reads and writes.
//!
//! Entries are told apart by their fields and never by their keys, because the libraries make keys differently. What is not
//! known here, sections and fields alike, stays as it is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::document::Document;

/// The kinds of entries, named as their sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    AccessToken,
    RefreshToken,
    IdToken,
    Account,
    AppMetadata,
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [Kind::AccessToken, Kind::RefreshToken, Kind::IdToken, Kind::Account, Kind::AppMetadata];

    /// The section's name.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Kind::AccessToken => "AccessToken",
            Kind::RefreshToken => "RefreshToken",
            Kind::IdToken => "IdToken",
            Kind::Account => "Account",
            Kind::AppMetadata => "AppMetadata",
        }
    }

    pub(super) fn named(section: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.section() == section)
    }
}

/// A text that is no token cache, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(super) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Broken {
        // What the library says may quote the text, which holds secrets.
        let place = format!("at line {} column {}", error.line(), error.column());
        Broken(match error.classify() {
            serde_json::error::Category::Eof => format!("it ends too early, {place}"),
            serde_json::error::Category::Data => format!("it is not in MSAL's format, {place}"),
            _ => format!("it is not JSON, {place}"),
        })
    }
}

/// The fields of an entry that mean something here, of whatever kind. Those that are missing, or are no text and no number,
/// are `None`, so that only what is no object cannot be read as an entry.
#[derive(Clone, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) credential_type: Text<'a>,
    pub(crate) secret: Text<'a>,
    pub(crate) home_account_id: Text<'a>,
    pub(crate) environment: Text<'a>,
    pub(crate) client_id: Text<'a>,
    pub(crate) target: Text<'a>,
    pub(crate) realm: Text<'a>,
    pub(crate) token_type: Text<'a>,
    pub(crate) cached_at: Text<'a>,
    pub(crate) expires_on: Text<'a>,
    pub(crate) refresh_on: Text<'a>,
    pub(crate) family_id: Text<'a>,
    pub(crate) last_modification_time: Text<'a>,
    pub(crate) username: Text<'a>,
    pub(crate) name: Text<'a>,
    /// Other names that the account's person has signed in with, one a line: a field of our own.
    pub(crate) signed_in_as: Text<'a>,
    /// The authority that a token came from, whole: a field of our own.
    pub(crate) authority: Text<'a>,
    /// Hash of the claims that a token was asked for with (MSAL Node).
    pub(crate) claims_hash: Text<'a>,
    /// What sets a token apart from a plain bearer token of its client: the key it is bound to, the assertion it was exchanged
    /// for, a path of a federated identity.
    pub(crate) bound_to: Text<'a>,
}

/// Without the secret, and without what names a person.
impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("client_id", &self.client_id).field("target", &self.target).finish_non_exhaustive()
    }
}

/// The text of a field.
pub(crate) type Text<'a> = Option<Cow<'a, str>>;

impl<'a> Entry<'a> {
    /// The names of an account's person, the platform's own first.
    pub(crate) fn usernames(&self) -> impl Iterator<Item = &str> {
        let others = self.signed_in_as.as_deref().unwrap_or_default().lines();
        self.username.as_deref().into_iter().chain(others).filter(|name| !name.is_empty())
    }

    fn field(&mut self, name: &str) -> Option<&mut Text<'a>> {
        Some(match name {
            "credential_type" => &mut self.credential_type,
            "secret" => &mut self.secret,
            "home_account_id" => &mut self.home_account_id,
            "environment" => &mut self.environment,
            "client_id" => &mut self.client_id,
            "target" => &mut self.target,
            "realm" => &mut self.realm,
            "token_type" => &mut self.token_type,
            "cached_at" => &mut self.cached_at,
            "expires_on" => &mut self.expires_on,
            "refresh_on" => &mut self.refresh_on,
            "family_id" => &mut self.family_id,
            "last_modification_time" => &mut self.last_modification_time,
            "username" => &mut self.username,
            "name" => &mut self.name,
            "signed_in_as" => &mut self.signed_in_as,
            "authority" => &mut self.authority,
            "requestedClaimsHash" => &mut self.claims_hash,
            "key_id" | "keyid" | "kid" | "user_assertion_hash" | "userAssertionHash" | "ext_cache_key" => &mut self.bound_to,
            _ => return None,
        })
    }
}

/// The seconds since 1970 that a field says.
pub(crate) fn seconds(text: &Text<'_>) -> Option<u64> {
    let text = text.as_deref()?.trim();
    text.parse().ok().or_else(|| text.split_once('.').and_then(|(whole, _)| whole.parse().ok()))
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Entry<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry<'de>, A::Error> {
                let mut entry = Entry::default();
                while let Some(Lenient(name)) = map.next_key()? {
                    match entry.field(name.as_deref().unwrap_or_default()) {
                        Some(field) => {
                            let Lenient(text) = map.next_value()?;
                            // An empty one of the fields that share a place says nothing.
                            if text.as_deref().is_some_and(|text| !text.is_empty()) || field.is_none() {
                                *field = text;
                            }
                        }
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(entry)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A text or a number, as a text; anything else is nothing.
pub(super) struct Lenient<'a>(pub(super) Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Lenient<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Lenient<'de>, E> {
                Ok(Lenient(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Lenient<'de>, E> {
                Ok(Lenient(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Lenient<'de>, E> {
                Ok(Lenient(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Lenient<'de>, E> {
                Ok(Lenient(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Lenient<'de>, E> {
                Ok(Lenient(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Lenient<'de>, E> {
                Ok(Lenient(None))
            }
            fn visit_unit<E>(self) -> Result<Lenient<'de>, E> {
                Ok(Lenient(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Shows every entry of a cache, with its kind, in one pass over the text and without keeping any.
///
/// # Errors
///
/// `Broken`, for what is not JSON or not an object of objects. Entries that were shown before count all the same.
pub(crate) fn scan<'a>(text: &'a str, show: &mut dyn FnMut(Kind, Entry<'a>)) -> Result<(), Broken> {
    struct Sections<'s, 'a>(&'s mut dyn FnMut(Kind, Entry<'a>));
    impl<'a> Visitor<'a> for Sections<'_, 'a> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a token cache")
        }
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(Lenient(name)) = map.next_key()? {
                match Kind::named(name.as_deref().unwrap_or_default()) {
                    Some(kind) => map.next_value_seed(Entries(kind, self.0))?,
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(())
        }
    }
    struct Entries<'s, 'a>(Kind, &'s mut dyn FnMut(Kind, Entry<'a>));
    impl<'a> serde::de::DeserializeSeed<'a> for Entries<'_, 'a> {
        type Value = ();
        fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }
    impl<'a> Visitor<'a> for Entries<'_, 'a> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a section of a token cache")
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(entry) = map.next_entry::<IgnoredAny, Entry<'a>>()?.map(|(_, entry)| entry) {
                self.1(self.0, entry);
            }
            Ok(())
        }
    }
    if text.trim().is_empty() {
        return Ok(());
    }
    let mut shown = 0;
    let mut count = |kind, entry: Entry<'a>| {
        shown += 1;
        show(kind, entry);
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match deserializer.deserialize_map(Sections(&mut count)).and_then(|()| deserializer.end()) {
        Ok(()) => Ok(()),
        // What is no entry, or a text that is none (half of a surrogate pair, which other libraries write), spoils itself alone.
        Err(error) => {
            let document = Document::parse(text).map_err(|_| Broken::from(error))?;
            document.entries().skip(shown).for_each(|(kind, entry)| show(kind, entry));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(Kind, Entry<'_>)> {
        let mut entries = Vec::new();
        scan(text, &mut |kind, entry| entries.push((kind, entry))).unwrap();
        entries
    }

    #[test]
    fn fields_are_read_in_the_forms_that_every_library_writes() {
        let text = r#"{"AccessToken": {"any key": {"secret": "s\u0065cret", "expires_on": 4600, "cached_at": "1000.5", "target": null,
            "home_account_id": ["odd"], "realm": {"odd": 1}, "client_id": true, "keyid": "", "unknown": {"deep": [[[]]]}}}}"#;
        let (kind, entry) = entries(text).pop().unwrap();
        assert_eq!((kind, entry.secret.as_deref()), (Kind::AccessToken, Some("secret")));
        assert_eq!((seconds(&entry.expires_on), seconds(&entry.cached_at)), (Some(4600), Some(1000)));
        let nothing = [entry.target, entry.home_account_id, entry.realm, entry.client_id];
        assert_eq!(nothing, [None, None, None, None]);
        assert_eq!(entry.bound_to.as_deref(), Some(""));
    }

    #[test]
    fn odd_entries_are_read_as_ones_that_say_nothing() {
        let text = r#"{"AccessToken": {"a": null, "b": [], "c": "text", "d": 1, "e": -1, "f": 1.5, "g": true, "h": {}}, "Odd": [], "RefreshToken": null}"#;
        let entries = entries(text);
        assert_eq!(entries.len(), 8);
        assert!(entries.iter().all(|(_, entry)| entry.secret.is_none()));
        assert_eq!(self::entries(" ").len(), 0);
    }

    #[test]
    fn a_text_that_is_none_spoils_its_entry_alone() {
        let text = r#"{"AccessToken": {"1": {"secret": "a"}, "2": {"secret": "b", "name": "\ud800"}, "3": {"secret": "c"}}}"#;
        let secrets: Vec<_> = entries(text).into_iter().map(|(_, entry)| entry.secret).collect();
        assert_eq!(secrets, [Some("a".into()), None, Some("c".into())]);
    }

    #[test]
    fn what_is_no_cache_is_broken_in_both_ways_of_reading() {
        let deep = format!("{{\"AccessToken\": {{\"a\": {}", "[".repeat(100_000));
        for text in ["{", "[]", "null", "1", "x", "{} {}", r#"{"AccessToken": []}"#, r#"{"Account": "x"}"#, r#"{"AccessToken": {"#, &deep] {
            let scanned = scan(text, &mut |_, _| {}).unwrap_err();
            assert!(Document::parse(text).is_err(), "{}", &text[..text.len().min(40)]);
            assert!(scanned.0.contains(" line "), "{scanned}");
        }
    }

    #[test]
    fn debug_and_errors_show_no_secret() {
        let text = r#"{"AccessToken": {"k": {"secret": "hunter2"}}, "Ours": {"x": "hunter2"}}"#;
        let mut document = Document::parse(text).unwrap();
        document.put(Kind::IdToken, "k".to_owned(), r#"{"secret": "hunter2"}"#.to_owned());
        let shown = format!("{document:?} {:?}", entries(text));
        assert!(!shown.contains("hunter2") && shown.contains("AccessToken"), "{shown}");
        let error = Broken::from(serde_json::from_str::<u8>("\"hunter2").unwrap_err());
        assert!(!error.0.contains("hunter2"));
    }
}
