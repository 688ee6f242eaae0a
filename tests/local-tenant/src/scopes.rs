//! Scopes that apps ask for on behalf of people, and what people consented to.

use std::collections::BTreeSet;

use crate::contoso::GRAPH_ID;
use crate::directory::{App, Organization, Resource};
use crate::refresh::invalid_grant;
use crate::refusal::Refusal;
use crate::state::{State, lock};
use crate::token_endpoint::{RESERVED_SCOPES, missing, resource};
use crate::user::User;

/// The permission of Graph that comes with a sign-in that asks for nothing else.
const PROFILE: &str = "User.Read";

/// What users consented to in pages: user, app, resource, scope.
#[derive(Debug, Default)]
pub(crate) struct Consents(BTreeSet<[String; 4]>);

impl Consents {
    /// Remembers that a user consented.
    pub(crate) fn add(&mut self, app: &App, user: &User, resource_id: &str, scopes: &[String]) {
        for scope in scopes {
            self.0.insert([user.id.clone(), app.client_id.clone(), resource_id.to_owned(), scope.clone()]);
        }
    }

    fn of(&self, app: &App, user: &User, resource_id: &str) -> Vec<String> {
        let there = self.0.iter().filter(|[of, by, at, _]| *of == user.id && *by == app.client_id && at == resource_id);
        there.map(|[.., scope]| scope.clone()).collect()
    }
}

/// What a scope asks for (Microsoft page "Scopes and permissions in the Microsoft identity platform").
pub(crate) struct Asked<'a> {
    /// `openid` and the like.
    pub(crate) reserved: Vec<&'a str>,
    pub(crate) resource: &'a Resource,
    /// What names the resource, as it was written; Graph's app id for bare permissions.
    pub(crate) identifier: &'a str,
    permissions: Vec<Wanted<'a>>,
    /// Nothing but who they are: it brings what every user lets every app do.
    is_about_person: bool,
}

/// One scope of a resource.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    /// What stands before the last slash; nothing does before Graph's permissions when they are bare.
    identifier: Option<&'a str>,
    name: &'a str,
}

impl Wanted<'_> {
    fn read(scope: &str) -> Result<Wanted<'_>, Refusal> {
        let wanted = match scope.rsplit_once('/') {
            Some((identifier, name)) => Wanted { identifier: Some(identifier), name },
            None => Wanted { identifier: None, name: scope },
        };
        // A resource without a permission: `https://graph.microsoft.com`.
        let is_half =
            wanted.name.is_empty() || wanted.identifier.is_some_and(|identifier| identifier.is_empty() || identifier.ends_with(":/"));
        if is_half {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid: {} names no permission of a resource.",
                scope.escape_debug()
            );
            return Err(Refusal::new(400, "invalid_scope", 70011, text));
        }
        Ok(wanted)
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn read(scope: &'a str, organization: &Organization, state: &'a State) -> Result<Asked<'a>, Refusal> {
        let scopes = scope.split(' ').filter(|scope| !scope.is_empty());
        let (reserved, others): (Vec<&str>, Vec<&str>) = scopes.partition(|scope| RESERVED_SCOPES.contains(scope));
        let permissions = others.into_iter().map(Wanted::read).collect::<Result<Vec<_>, _>>()?;
        let identifiers = permissions.iter().map(|wanted| wanted.identifier.unwrap_or(GRAPH_ID));
        let named = identifiers.map(|identifier| Ok((identifier, resource(identifier, organization, state)?)));
        let named = named.collect::<Result<Vec<_>, Refusal>>()?;
        let Some(&(identifier, resource)) = named.first() else {
            let text = "The provided value for the input parameter 'scope' has no scope of a resource.";
            return Err(Refusal::new(400, "invalid_request", 28003, text));
        };
        if named.iter().any(|(_, other)| other.app_id != resource.app_id) {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid because it contains more than one resource: {}.",
                scope.escape_debug()
            );
            return Err(Refusal::new(400, "invalid_request", 28000, text));
        }
        let defaults = permissions.iter().filter(|wanted| wanted.name == ".default").count();
        if defaults > 0 && defaults < permissions.len() {
            let text =
                "The provided value for the input parameter 'scope' is not valid: .default cannot stand beside a resource's permissions.";
            return Err(Refusal::new(400, "invalid_scope", 70011, text));
        }
        Ok(Asked { reserved, resource, identifier, permissions, is_about_person: false })
    }

    /// The same for sign-ins, where the reserved scopes may stand alone: they bring the person's own profile in Graph.
    pub(crate) fn read_for_sign_in(scope: &'a str, organization: &Organization, state: &'a State) -> Result<Asked<'a>, Refusal> {
        let mut reserved = scope.split(' ').filter(|scope| !scope.is_empty());
        if !reserved.clone().all(|scope| RESERVED_SCOPES.contains(&scope)) {
            return Asked::read(scope, organization, state);
        }
        let resource = resource(GRAPH_ID, organization, state)?;
        let first = reserved.next().ok_or_else(|| missing("scope"))?;
        let permissions = vec![Wanted { identifier: None, name: PROFILE }];
        let reserved = std::iter::once(first).chain(reserved).collect();
        Ok(Asked { reserved, resource, identifier: GRAPH_ID, permissions, is_about_person: true })
    }

    /// What the user lets the app do in the resource: granted beforehand, or in a page.
    fn consented(&self, app: &App, user: &User, state: &State) -> Vec<String> {
        let mut scopes = app.scopes_in(self.resource);
        let mut more = lock(&state.consents).of(app, user, &self.resource.app_id);
        more.extend(self.is_about_person.then(|| PROFILE.to_owned()));
        for scope in more {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// What a page is to ask the user for, before the app can have what it asks for.
    ///
    /// # Errors
    /// When the resource lets no app do such a thing (AADSTS650053), or the app asks for all that its registration lists and
    /// it lists nothing of the resource (AADSTS650057).
    pub(crate) fn missing(&self, app: &App, user: &User, state: &State) -> Result<Vec<String>, Refusal> {
        let granted = self.consented(app, user, state);
        let is_in = |list: &[String], name: &str| list.iter().any(|other| other.eq_ignore_ascii_case(name));
        let mut missing = Vec::new();
        for wanted in self.permissions.iter().filter(|wanted| !is_in(&granted, wanted.name)) {
            let known = self.resource.scopes.iter().find(|scope| scope.eq_ignore_ascii_case(wanted.name));
            match known {
                _ if wanted.name == ".default" && !granted.is_empty() => {}
                _ if wanted.name == ".default" => return Err(self.not_listed(app)),
                Some(scope) => missing.push(scope.clone()),
                None => return Err(self.no_such_scope(app, wanted.name)),
            }
        }
        Ok(missing)
    }

    fn not_listed(&self, app: &App) -> Refusal {
        let text = format!(
            "The resource '{}' is not among those that the registration of '{}'({}) lists.",
            self.resource.app_id, app.client_id, app.name
        );
        Refusal::new(400, "invalid_resource", 650057, text)
    }

    fn no_such_scope(&self, app: &App, name: &str) -> Refusal {
        let text = format!(
            "The application '{}' asked for scope '{}' that does not exist on the resource '{}'.",
            app.name,
            name.escape_debug(),
            self.resource.app_id
        );
        Refusal::new(400, "invalid_client", 650053, text)
    }

    /// All that users consented to in the resource, if what is asked for is among it.
    pub(crate) fn granted(&self, app: &App, user: &User, state: &State) -> Result<Vec<String>, Refusal> {
        let granted = self.consented(app, user, state);
        let is_granted =
            |wanted: &Wanted<'_>| wanted.name == ".default" || granted.iter().any(|name| name.eq_ignore_ascii_case(wanted.name));
        if !granted.is_empty() && self.permissions.iter().all(is_granted) {
            return Ok(granted);
        }
        let text = format!(
            "Neither the user nor an administrator has consented to the use of the application with the id '{}' named '{}'. \
             Send an interactive authorization request for this user and resource.",
            app.client_id, app.name
        );
        Err(invalid_grant(65001, text).with("suberror", "consent_required"))
    }

    /// The reserved scopes that count as Graph's, as `offline_access` does not.
    fn of_person(&self) -> impl Iterator<Item = String> {
        let is_graph = self.resource.app_id == GRAPH_ID;
        let visible = self.reserved.iter().filter(move |&&scope| is_graph && scope != "offline_access");
        visible.map(|&scope| scope.to_owned())
    }

    /// The claim `scp`.
    pub(crate) fn in_token(&self, granted: &[String]) -> Vec<String> {
        granted.iter().cloned().chain(self.of_person()).collect()
    }

    /// The answer's `scope`: everything granted, in the form in which it was asked for, and `.default` if that was asked for.
    pub(crate) fn in_answer(&self, granted: &[String]) -> Vec<String> {
        let is_bare = |name: &str| match self.permissions.iter().find(|wanted| wanted.name.eq_ignore_ascii_case(name)) {
            Some(wanted) => wanted.identifier.is_none(),
            None => self.permissions.iter().all(|wanted| wanted.identifier.is_none()),
        };
        let prefix = self.permissions.iter().find_map(|wanted| wanted.identifier).unwrap_or_default();
        let full = |name: &str| if is_bare(name) { name.to_owned() } else { format!("{prefix}/{name}") };
        let default = self.permissions.iter().find(|wanted| wanted.name == ".default").map(|wanted| wanted.name);
        self.of_person().chain(granted.iter().map(|name| full(name))).chain(default.map(full)).collect()
    }
}
