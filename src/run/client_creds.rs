//! `client-creds`: the app's own token, from the cache or from the platform.

use super::cached::Cached;
use super::context::{Context, Delivery};
use super::secrets::{self, Proof};
use crate::cache::lookup::{Hit, Look, Miss, Wanted};
use crate::cache::partition::{self, Partition};
use crate::cache::place::Place;
use crate::cache::store::Store;
use crate::cli::args::ClientCreds;
use crate::cli::input::Limit;
use crate::cli::plan::{Plan, Subject};
use crate::entra::client_auth::ClientAuth;
use crate::error::{Error, UsageError};
use crate::flow::client_creds::{self, App};
use crate::flow::discovery;
use crate::output::format::{Issued, Source};
use crate::process;
use crate::secret::Secret;

/// Parameters, plan, token, output.
pub(super) fn run(command: &ClientCreds, context: &Context<'_>) -> Result<(), Error> {
    let parameters = command.parameters.as_deref();
    let (plan, delivery) = context.prepare(Subject::App, parameters, &command.client.layer(), &command.output)?;
    secrets::check_standard_input(parameters, [plan.secret.as_ref()])?;
    let issued = obtain(&plan, &delivery, context)?;
    delivery.deliver(&issued, context.terminal)
}

/// The token: from the cache where it has one, else from the platform.
fn obtain(plan: &Plan, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let (proof, limit) = match plan.secret.as_ref().filter(|given| !secrets::is_typed(given)) {
        Some(given) => (Proof::of(given, &plan.authority, context)?, context.limit),
        // A person takes the time that it takes; the network's begins after that.
        None => (Proof::asked(context.common, &plan.authority)?, Limit::from_now(context.common.timeout())),
    };
    let context = &context.within(limit);
    let store = store(plan, context);
    let partition = Partition::of_app(&plan.authority, &plan.client_id, &proof.credential(), plan.claims.as_deref());
    let claims_hash = plan.claims.as_deref().map(partition::claims_hash);
    let cached = Cached {
        store: &store,
        partition: &partition,
        wanted: Wanted {
            authority: &plan.authority,
            tenant_id: None,
            client_id: &plan.client_id,
            scopes: &plan.scopes,
            claims_hash: claims_hash.as_deref(),
            home_account_id: None,
        },
        min_ttl: delivery.min_ttl(),
        force_refresh: delivery.force_refresh(),
        needs_lock: false,
        source: Source::Network,
        terminal: context.terminal,
        began: context.began,
        limit,
    };
    let issued = |(tokens, source)| Issued {
        tokens,
        client_id: plan.client_id.clone(),
        tenant: plan.authority.tenant().map(str::to_owned),
        scope: plan.scopes.to_string(),
        source,
    };
    let look = cached.look();
    match look {
        Some(Look::Fresh(hit)) => return Ok(issued((hit.into(), Source::Cache))),
        Some(Look::Aging(hit)) if context.common.silent => return Ok(issued((hit.into(), Source::Cache))),
        Some(Look::Miss(miss)) if context.common.silent => return Err(silent(&miss.to_string())),
        None if context.common.silent => return Err(silent("there is no cache")),
        _ => {}
    }
    let fingerprint = partition::fingerprint(&partition, &plan.authority, &plan.scopes, &[&proof.credential()]);
    let obtained = process::within_runtime(async {
        if let (true, Some(Look::Miss(Miss::OtherTenant))) = (store.is_shared(), &look)
            && let Some(hit) = of_tenant_by_id(&cached, context).await
        {
            return Ok((hit.into(), Source::Cache));
        }
        let ask = async |limit: Limit| {
            let secret = proof.secret(&plan.authority, limit).await?;
            let http = context.within(limit).http([&secret])?;
            client_creds::acquire(&app(plan, secret), &http).await
        };
        cached.acquire(look, &fingerprint, ask).await
    })?;
    Ok(issued(obtained))
}

/// The cache. Other programs do not tell tokens apart by their claims, so such tokens are not shared with them.
fn store(plan: &Plan, context: &Context<'_>) -> Store {
    let store = context.store();
    if store.is_shared() && plan.claims.is_some() {
        log::info!("cache: not used, because other programs do not tell tokens apart by their claims");
        return Store::new(Place::Off);
    }
    store
}

/// Other programs store tokens by the tenant's id. Where the authority has one of the tenant's domains, one question without a
/// secret in it tells whether a stored token is the one.
async fn of_tenant_by_id(cached: &Cached<'_>, context: &Context<'_>) -> Option<Hit> {
    let http = context.http([]).ok()?;
    let id = discovery::tenant_id(cached.wanted.authority, &http).await.ok()??;
    let cached = Cached { wanted: Wanted { tenant_id: Some(&id), ..cached.wanted }, ..*cached };
    match cached.look()? {
        Look::Fresh(hit) => {
            cached.adopt().await;
            Some(hit)
        }
        Look::Aging(_) | Look::Miss(_) => None,
    }
}

fn silent(why: &str) -> Error {
    Error::Interaction(
        UsageError::new(format!("no token is cached that can be used: {why}"))
            .why("--silent forbids to ask for one")
            .fix("run the command without --silent once: what it gets is cached"),
    )
}

fn app(plan: &Plan, secret: Secret) -> App {
    App {
        authority: plan.authority.clone(),
        client_id: plan.client_id.clone(),
        auth: ClientAuth::Secret(secret),
        scopes: plan.scopes.clone(),
        claims: plan.claims.clone(),
    }
}
