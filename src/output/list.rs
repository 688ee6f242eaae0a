//! What the cache holds, as a table for a person or as JSON for a script.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::cache::inventory::Item;
use crate::cache::lookup::unix;
use crate::cache::schema::Kind;
use crate::redact::foreign;

const HEAD: [&str; 7] = ["KIND", "ACCOUNT", "CLIENT", "TENANT", "SCOPES", "EXPIRES", "FILE"];

/// The list as a table; nothing at all where it is empty.
pub(crate) fn text(items: &[Item], now: SystemTime) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut rows: Vec<[String; 7]> = vec![HEAD.map(str::to_owned)];
    rows.extend(items.iter().map(|item| row(item, now)));
    let mut width = [0; 7];
    for row in &rows {
        for (width, cell) in width.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| line(row, &width)).collect()
}

fn line(row: &[String; 7], width: &[usize; 7]) -> String {
    let cells: Vec<String> = row.iter().zip(width).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn row(item: &Item, now: SystemTime) -> [String; 7] {
    let shown = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| foreign(text));
    let scopes = if item.scopes.is_empty() { "-".to_owned() } else { foreign(&item.scopes.join(" ")) };
    [
        name(item.kind).replace('_', " "),
        shown(item.username.as_ref().or(item.home_account_id.as_ref())),
        shown(item.client_id.as_ref()),
        shown(item.tenant.as_ref()),
        scopes,
        item.expires_on.map_or_else(|| "-".to_owned(), |end| expires(end, now)),
        foreign(&item.file),
    ]
}

fn expires(end: u64, now: SystemTime) -> String {
    match end.checked_sub(unix(now)).filter(|left| *left > 0) {
        None => "expired".to_owned(),
        Some(left) if left < 120 => format!("in {left} s"),
        Some(left) if left < 7_200 => format!("in {} min", left / 60),
        Some(left) => format!("in {} h", left / 3_600),
    }
}

/// The list as JSON: an array of objects, in which what is not known is null.
pub(crate) fn json(items: &[Item], now: SystemTime) -> String {
    let list: Vec<_> = items
        .iter()
        .map(|item| {
            let end = item.expires_on.map(|end| UNIX_EPOCH + std::time::Duration::from_secs(end.min(super::format::LATEST)));
            json!({
                "kind": name(item.kind),
                "account": item.home_account_id.as_ref().map(|id| json!({ "username": item.username, "home_account_id": id })),
                "client_id": item.client_id,
                "tenant_id": item.tenant,
                "environment": item.environment,
                "scopes": item.scopes,
                "expires_on": item.expires_on,
                "expires_at": end.map(super::format::rfc3339),
                "expired": end.map(|end| end <= now),
                "file": item.file,
            })
        })
        .collect();
    super::report::ascii(&format!("{:#}\n", serde_json::Value::from(list)))
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::AccessToken => "access_token",
        Kind::RefreshToken => "refresh_token",
        Kind::IdToken => "id_token",
        Kind::Account => "account",
        Kind::AppMetadata => "app_metadata",
    }
}
