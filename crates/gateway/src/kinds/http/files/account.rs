//! Accounts at providers: a credential as it is remembered, and as it is found again.
//!
//! In: the settings of today, an account of an earlier day. Out: the credential, or the refusal to take another one.

use std::sync::Arc;

use smallvec::SmallVec;
use yumen_config::{Credential, Provider, Snapshot};
use yumen_telemetry::Account;

use crate::kinds::http::resolve::Step;
use crate::rejection::{Code, Rejection};

/// The place to ask with this account and no other.
pub(super) fn step(snapshot: &Snapshot, account: &Account, path: &str) -> Result<Step, Rejection> {
    let provider = snapshot.providers.get(&*account.provider).filter(|provider| provider.base.is_some());
    let found = provider.and_then(|provider| Some((provider, found(provider, account)?)));
    let Some((provider, credential)) = found else {
        let label = if account.credential.is_empty() { "none" } else { &account.credential };
        let message = format!(
            "This was made with the credential `{label}` of the provider `{}`, which is not in the configuration any more; \
             another account would not know it.",
            account.provider
        );
        return Err(Rejection::new(Code::CredentialGone, message));
    };
    let credentials = SmallVec::from_iter([credential]);
    Ok(Step { provider: Arc::clone(provider), credentials, path: path.to_owned() })
}

/// The credential: the same secret, or the one to which the operator has given the same name. `#1`, `#2` … are names that we
/// give by their order, which says nothing of the account.
fn found(provider: &Provider, account: &Account) -> Option<Option<Arc<Credential>>> {
    let credentials = provider.credentials.items();
    if account.credential_id.is_empty() {
        return credentials.is_empty().then_some(None);
    }
    let same =
        credentials.iter().find(|credential| format!("{:016x}", credential.id) == account.credential_id);
    let named = || {
        let mut named = credentials.iter().filter(|_| !account.credential.starts_with('#'));
        named.find(|credential| *credential.label == *account.credential)
    };
    same.or_else(named).map(|credential| Some(Arc::clone(credential)))
}
