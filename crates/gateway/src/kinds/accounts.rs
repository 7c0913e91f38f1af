//! Accounts at providers: a credential as it is remembered, and as it is found again.
//!
//! In: the settings of today, an account of an earlier day. Out: the credential, or the refusal to take another one.

use std::sync::Arc;

use yumen_config::{Credential, Provider, Snapshot};
use yumen_telemetry::Account;

/// The account that a call was made with.
pub fn of(provider: &Provider, credential: Option<&Arc<Credential>>) -> Account {
    Account {
        provider: provider.id.to_string(),
        credential_id: credential.map(|credential| format!("{:016x}", credential.id)).unwrap_or_default(),
        credential: credential.map(|credential| credential.label.to_string()).unwrap_or_default(),
    }
}

/// The provider and the credential of an account, `None` in its place where none is needed; nothing when it is gone.
pub fn found<'s>(
    snapshot: &'s Snapshot,
    account: &Account,
) -> Option<(&'s Arc<Provider>, Option<&'s Arc<Credential>>)> {
    let provider = snapshot.providers.get(&*account.provider)?;
    Some((provider, credential(provider, account)?))
}

/// The credential: the same secret, or the one to which the operator has given the same name. `#1`, `#2` … are names that we
/// give by their order, which says nothing of the account.
fn credential<'p>(provider: &'p Provider, account: &Account) -> Option<Option<&'p Arc<Credential>>> {
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
    same.or_else(named).map(Some)
}

/// What to say of an account that is gone.
pub fn gone(account: &Account) -> String {
    let label = if account.credential.is_empty() { "none" } else { &account.credential };
    format!(
        "This was made with the credential `{label}` of the provider `{}`, which is not in the configuration any more; \
         another account would not know it.",
        account.provider
    )
}
