//! A request that continues what one account keeps goes there and nowhere else.

use std::sync::Arc;

use smallvec::SmallVec;
use yumen_config::{Credential, Snapshot};
use yumen_llm::dialects::Dialect;
use yumen_telemetry::Account;

use super::Step;
use crate::kinds::accounts;
use crate::rejection::{Code, Rejection};

/// Leaves the steps at the account that keeps what the request continues; nobody else knows it. Gives the only credential
/// that may be used.
pub fn pin(
    snapshot: &Snapshot,
    steps: &mut SmallVec<[Step; 2]>,
    account: &Account,
    (field, model): (&'static str, &str),
) -> Result<Option<Arc<Credential>>, Rejection> {
    let refuse = |message: String| Err(Rejection::new(Code::PreviousResponseElsewhere, message).param(field));
    let Some((provider, credential)) = accounts::found(snapshot, account) else {
        return refuse(format!("{} Send the whole conversation in the request.", accounts::gone(account)));
    };
    steps.retain(|step| step.dialect == Dialect::OpenAiResponses && step.provider().id == provider.id);
    if steps.is_empty() {
        return refuse(format!(
            "The provider `{}` keeps what `{field}` names, and does not serve the model `{model}` in this API. Ask for a model \
             of it, or send the whole conversation in the request.",
            account.provider
        ));
    }
    Ok(credential.cloned())
}
