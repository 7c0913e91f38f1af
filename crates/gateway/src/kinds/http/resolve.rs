//! resolve: Call → Plan. Which provider is asked, with which credential, at which path; for files, batches, jobs and responses as
//! it is remembered, which may take as long as the database does.

use std::sync::Arc;

use smallvec::SmallVec;
use yumen_config::{Credential, Provider, Snapshot, VirtualKey};
use yumen_telemetry::{Account, OwnedObject};

use super::call::Call;
use super::{files, responses};
use crate::allowances::WITHOUT_MODEL;
use crate::kinds::accounts;
use crate::kinds::turns::{Load, turn, waits};
use crate::rejection::{Code, Rejection};
use crate::route::HttpRoute;
use crate::worker::Worker;

/// Where to go.
#[derive(Debug)]
pub struct Plan {
    /// The places to ask. More than one only for lists, whose parts are at several accounts; none where nothing is owned, and
    /// where the gateway itself answers.
    pub steps: SmallVec<[Step; 1]>,
    /// The file, batch or response that is asked for.
    pub object: Option<OwnedObject>,
}

/// One place to ask.
#[derive(Debug)]
pub struct Step {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The credentials that may be used, in the order to try; `None` where none is needed.
    pub credentials: SmallVec<[Option<Arc<Credential>>; 2]>,
    /// The path below the provider's base URL.
    pub path: String,
}

impl Plan {
    /// One place.
    pub fn one(step: Step, object: Option<OwnedObject>) -> Self {
        Self { steps: SmallVec::from_iter([step]), object }
    }
}

impl Step {
    /// Whether both ask the same account, by the first credential that they try.
    pub fn is_same(&self, other: &Self) -> bool {
        let first =
            |step: &Self| step.credentials.first().and_then(Option::as_ref).map(|credential| credential.id);
        self.provider.id == other.provider.id && first(self) == first(other)
    }

    /// The place to ask with this account and no other.
    pub fn at(snapshot: &Snapshot, account: &Account, path: &str) -> Result<Self, Rejection> {
        let found = accounts::found(snapshot, account).filter(|(provider, _)| provider.base.is_some());
        let (provider, credential) =
            found.ok_or_else(|| Rejection::new(Code::CredentialGone, accounts::gone(account)))?;
        let credentials = SmallVec::from_iter([credential.cloned()]);
        Ok(Self { provider: Arc::clone(provider), credentials, path: path.to_owned() })
    }

    /// A step that any of the provider's credentials may take: those first that do not rest.
    pub fn with_any(worker: &Worker, provider: &Arc<Provider>, path: &str) -> Self {
        let mut credentials: SmallVec<[Option<Arc<Credential>>; 2]> =
            turn(worker, &provider.credentials, LOAD)
                .map(|credential| Some(Arc::clone(credential)))
                .collect();
        if credentials.is_empty() {
            credentials.push(None);
        }
        // The order of the turn holds among those that rest as well: a stable sort.
        credentials.sort_by_key(|credential| {
            credential.as_ref().is_some_and(|credential| waits(&worker.gateway, credential, LOAD))
        });
        Self { provider: Arc::clone(provider), credentials, path: path.to_owned() }
    }
}

/// What a credential rests for that calls like these have found refused or limited: calls like these. What a path answers
/// says nothing of the models that the same credential is asked for.
pub const NO_MODEL: &str = "";
/// What calls like these take of a credential's limits: one request.
pub const LOAD: Load<'static> = Load { deployment: WITHOUT_MODEL, model: NO_MODEL, tokens: 0 };

/// Chooses where a call goes.
pub async fn resolve(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
) -> Result<Plan, Rejection> {
    match &call.route {
        HttpRoute::Through { provider, path } => {
            let provider = snapshot.providers.get(&**provider).ok_or_else(|| {
                Rejection::new(Code::RouteNotFound, format!("No provider is called `{provider}` here."))
            })?;
            Ok(Plan::one(Step::with_any(worker, provider, path), None))
        }
        HttpRoute::Files(path) => files::resolve(worker, snapshot, key, call, path).await,
        HttpRoute::Responses(path) => responses::resolve(worker, snapshot, key, path).await,
    }
}
