//! A cache that is changed: taken apart into sections and entries, and put together again. What is not touched goes back as it
//! was, byte for byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::schema::{Broken, Entry, Kind, Lenient};

/// A cache taken apart, to be changed: what is not touched goes back as it was, byte for byte.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    sections: Vec<(Cow<'a, str>, Section<'a>)>,
}

#[derive(Debug)]
enum Section<'a> {
    Known(Kind, Members<'a>),
    Unknown(Json<'a>),
}

/// Keys, and the JSON of their entries.
type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// The JSON of an entry: as it was read, or a new one, which is wiped when dropped.
enum Json<'a> {
    Kept(&'a str),
    New(Zeroizing<String>),
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Json<'_> {
    fn text(&self) -> &str {
        match self {
            Json::Kept(text) => text,
            Json::New(text) => text,
        }
    }
}

impl<'a> Document<'a> {
    /// Takes a cache apart. A text of blanks is an empty cache.
    ///
    /// # Errors
    ///
    /// `Broken`, for what `scan` refuses too.
    pub(crate) fn parse(text: &'a str) -> Result<Document<'a>, Broken> {
        if text.trim().is_empty() {
            return Ok(Document { sections: Vec::new() });
        }
        let RawMembers(raw) = serde_json::from_str(text)?;
        let section = |(name, raw): (Cow<'a, str>, &'a RawValue)| {
            let section = match Kind::named(&name) {
                Some(kind) if raw.get() == "null" => Section::Known(kind, Vec::new()),
                Some(kind) => {
                    let RawMembers(entries) = serde_json::from_str(raw.get())?;
                    Section::Known(kind, entries.into_iter().map(|(key, raw)| (key, Json::Kept(raw.get()))).collect())
                }
                None => Section::Unknown(Json::Kept(raw.get())),
            };
            Ok((name, section))
        };
        Ok(Document { sections: raw.into_iter().map(section).collect::<Result<_, Broken>>()? })
    }

    /// The entries, in order; one that cannot be read says nothing.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Kind, Entry<'a>)> {
        let known = self.sections.iter().filter_map(|(_, section)| match section {
            Section::Known(kind, members) => Some((*kind, members)),
            Section::Unknown(_) => None,
        });
        known.flat_map(|(kind, members)| members.iter().map(move |(_, json)| (kind, json))).filter_map(|(kind, json)| match json {
            Json::Kept(text) => Some((kind, serde_json::from_str(text).unwrap_or_default())),
            Json::New(_) => None,
        })
    }

    /// Removes the entries that a condition holds for, and tells how many.
    pub(crate) fn remove(&mut self, mut condition: impl FnMut(Kind, &Entry<'_>) -> bool) -> usize {
        let mut removed = 0;
        for (_, section) in &mut self.sections {
            let Section::Known(kind, members) = section else { continue };
            let before = members.len();
            members.retain(|(_, json)| serde_json::from_str(json.text()).map_or(true, |entry| !condition(*kind, &entry)));
            removed += before - members.len();
        }
        removed
    }

    /// Puts an entry under a key, in place of the one that is there.
    pub(crate) fn put(&mut self, kind: Kind, key: String, json: String) {
        let json = Json::New(Zeroizing::new(json));
        let known = self.sections.iter_mut().find_map(|(_, section)| match section {
            Section::Known(known, members) if *known == kind => Some(members),
            _ => None,
        });
        match known {
            Some(members) => {
                members.retain(|(other, _)| *other != key);
                members.push((key.into(), json));
            }
            None => self.sections.push((kind.section().into(), Section::Known(kind, vec![(key.into(), json)]))),
        }
    }

    /// Changes the fields of the entries that a condition holds for; the others of theirs stay.
    pub(crate) fn edit(
        &mut self,
        kind: Kind,
        condition: impl Fn(&Entry<'_>) -> bool,
        change: impl Fn(&mut serde_json::Map<String, serde_json::Value>),
    ) {
        for (_, section) in &mut self.sections {
            let Section::Known(known, members) = section else { continue };
            for (_, json) in members.iter_mut().filter(|_| *known == kind) {
                if !serde_json::from_str(json.text()).is_ok_and(|entry| condition(&entry)) {
                    continue;
                }
                let Ok(mut fields) = serde_json::from_str(json.text()) else { continue };
                change(&mut fields);
                *json = Json::New(Zeroizing::new(serde_json::Value::Object(fields).to_string()));
            }
        }
    }

    /// The JSON of the entry under a key.
    pub(crate) fn get(&self, kind: Kind, key: &str) -> Option<&str> {
        let members = self.sections.iter().filter_map(|(_, section)| match section {
            Section::Known(known, members) if *known == kind => Some(members),
            _ => None,
        });
        members.flatten().find(|(other, _)| other == key).map(|(_, json)| json.text())
    }

    /// Whether there is nothing in it that anybody would miss: no token, no account, no section that is not known.
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.iter().all(|(_, section)| match section {
            Section::Known(kind, members) => members.is_empty() || *kind == Kind::AppMetadata,
            Section::Unknown(_) => false,
        })
    }

    /// Whether it has a section that caches have, or nothing at all.
    pub(crate) fn is_cache(&self) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|(_, section)| matches!(section, Section::Known(..)))
    }

    /// The cache as text, wiped when dropped.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let size = |members: &Members<'_>| members.iter().map(|(key, json)| key.len() * 2 + json.text().len() + 8).sum::<usize>();
        let total: usize = self
            .sections
            .iter()
            .map(|(name, section)| {
                name.len() * 2
                    + 12
                    + match section {
                        Section::Known(_, members) => size(members),
                        Section::Unknown(json) => json.text().len(),
                    }
            })
            .sum();
        // Growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(total + 16));
        text.push_str("{\n");
        for (at, (name, section)) in self.sections.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { ",\n" });
            text.push_str(&quoted(name));
            text.push_str(": ");
            match section {
                Section::Unknown(json) => text.push_str(json.text()),
                Section::Known(_, members) => {
                    text.push('{');
                    for (at, (key, json)) in members.iter().enumerate() {
                        text.push_str(if at == 0 { "\n" } else { ",\n" });
                        text.push_str(&quoted(key));
                        text.push_str(": ");
                        text.push_str(json.text());
                    }
                    text.push('}');
                }
            }
        }
        text.push_str("\n}\n");
        text
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The members of an object, in order.
struct RawMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMembers<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Lenient(name), value)) = map.next_entry::<Lenient<'de>, &'de RawValue>()? {
                    members.push((name.ok_or_else(|| A::Error::custom("a name is no text"))?, value));
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn what_is_not_touched_goes_back_as_it_was() {
        let odd = r#"{ "secret" : "s", "unknown":{"x" :  1e2},"k":"\u00e9" }"#;
        let text = format!(r#"{{"Ours": [ 1,2 ], "AccessToken": {{"k\"1": {odd}, "k2": {{"secret":"gone"}}}}, "RefreshToken": null}}"#);
        let mut document = Document::parse(&text).unwrap();
        assert_eq!(document.remove(|kind, entry| kind == Kind::AccessToken && entry.secret.as_deref() == Some("gone")), 1);
        document.put(Kind::AccessToken, "k3".to_owned(), r#"{"secret":"new"}"#.to_owned());
        document.put(Kind::Account, "a".to_owned(), "{}".to_owned());
        let written = document.to_text();
        assert!(written.contains(odd) && written.contains(r#""Ours": [ 1,2 ]"#), "{written:?}");
        let value: serde_json::Value = serde_json::from_str(&written).unwrap();
        let keys: Vec<&String> = value["AccessToken"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["k\"1", "k3"]);
        assert_eq!(Document::parse(&written).unwrap().to_text(), written, "writing again changes nothing");
    }

    #[test]
    fn an_entry_takes_the_place_of_the_one_under_its_key() {
        let mut document = Document::default();
        assert!(document.is_empty());
        for secret in ["one", "two"] {
            document.put(Kind::AccessToken, "k".to_owned(), format!("{{\"secret\":\"{secret}\"}}"));
        }
        assert_eq!(document.get(Kind::AccessToken, "k"), Some("{\"secret\":\"two\"}"));
        assert_eq!(document.get(Kind::Account, "k"), None);
        assert!(!document.is_empty());
        document.edit(Kind::AccessToken, |_| true, |fields| drop(fields.insert("authority".to_owned(), "a".into())));
        assert_eq!(document.get(Kind::AccessToken, "k"), Some(r#"{"authority":"a","secret":"two"}"#));
        let mut entries = 0;
        schema::scan(&document.to_text(), &mut |_, _| entries += 1).unwrap();
        assert_eq!(entries, 1);
    }
}
