//! Access tokens that have been taken: kept until they are about to end, one for each credential, for all workers.
//!
//! In: credentials whose proof is a token. Out: tokens. However many requests want the same one at the same time, one of
//! them asks and the others wait for its answer; while a token is still good, nobody waits for the next. When the one who
//! asks leaves, the next of those who wait asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use yumen_config::{Credential, Proof, Secret, TokenSource, encoded};

use super::exchange::{Ask, Door, Grant, TokenError, exchange};
use super::{google, oauth, zhipu_jwt};

/// A token is renewed this long before its end, or at half of its life when that is short.
const BEFORE_END: Duration = Duration::from_secs(60);
/// How long a token that is still good is used on when its renewal has failed, before that is tried again.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// More credentials than this have no token at the same time: a configuration has fewer.
const SLOTS_MOST: usize = 4096;

/// An access token as it is put on requests.
#[derive(Debug)]
pub struct AccessToken {
    secret: Secret,
    carried: Carried,
}

/// How a token is sent.
#[derive(Debug)]
pub(super) enum Carried {
    /// In `Authorization`.
    Header(HeaderValue),
    /// In the query, as `name=value`.
    Query(Secret),
}

impl AccessToken {
    fn new(source: &TokenSource, text: &str) -> Result<Self, TokenError> {
        let carried = match source {
            TokenSource::Baidu(_) => Carried::Query(Secret::new(&format!("access_token={}", encoded(text)))),
            _ => {
                let value = HeaderValue::try_from(format!("Bearer {text}"));
                let mut value = value.map_err(|_| TokenError::unfit())?;
                value.set_sensitive(true);
                Carried::Header(value)
            }
        };
        Ok(Self { secret: Secret::new(text), carried })
    }

    /// What nobody may read in an upstream's error.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    pub(super) fn carried(&self) -> &Carried {
        &self.carried
    }
}

/// The access tokens of all credentials.
#[derive(Debug, Default)]
pub struct AccessTokens {
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
}

/// The token of one credential.
#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Kept>,
    /// Held by whoever asks for the next.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Held>,
    /// How often it has been asked for.
    rounds: u64,
    /// Why the last time gave nothing.
    failure: Option<TokenError>,
}

#[derive(Debug)]
struct Held {
    token: Arc<AccessToken>,
    renew_at: Instant,
    end: Instant,
}

/// A token, and whether it was there before.
pub(super) type Taken = (Arc<AccessToken>, bool);

impl AccessTokens {
    /// The token of a credential that need not be renewed yet.
    pub fn cached(&self, credential: u64, now: Instant) -> Option<Arc<AccessToken>> {
        let slot = self.lock().get(&credential).map(Arc::clone)?;
        slot.kept().fresh(now)
    }

    /// Takes a token: one that another request has asked for meanwhile, or a new one. Says whether it was there before.
    pub async fn take(&self, credential: &Credential, door: &Door<'_>) -> Result<Taken, TokenError> {
        let Proof::Token(source) = &credential.proof else { return Err(TokenError::unsigned()) };
        let slot = self.slot(credential.id);
        let before = slot.kept().rounds;
        let turn = match slot.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                if let Some(token) = slot.kept().good(Instant::now()) {
                    return Ok((token, true));
                }
                slot.turn.lock().await
            }
        };
        if let Some(settled) = slot.kept().since(before, Instant::now()) {
            return settled;
        }
        let asked = Instant::now();
        let result = grant(source, door, &credential.secrets).await.and_then(|grant| {
            let token = Arc::new(AccessToken::new(source, &grant.token)?);
            let renew_at = asked + grant.lifetime - BEFORE_END.min(grant.lifetime / 2);
            Ok(Held { token, renew_at, end: asked + grant.lifetime })
        });
        if let Err(error) = &result {
            let detail = error.detail.as_deref().unwrap_or_default();
            tracing::warn!(
                provider = door.provider,
                credential = &*credential.label,
                detail,
                "no token: {error}"
            );
        }
        let taken = slot.kept().settle(result, Instant::now());
        drop(turn);
        taken
    }

    /// Drops a token that a provider has refused, unless another has taken its place.
    pub fn forget(&self, credential: u64, token: &Arc<AccessToken>) {
        let Some(slot) = self.lock().get(&credential).map(Arc::clone) else { return };
        let mut kept = slot.kept();
        if kept.token.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token, token)) {
            kept.token = None;
        }
    }

    fn slot(&self, credential: u64) -> Arc<Slot> {
        let mut slots = self.lock();
        if slots.len() >= SLOTS_MOST && !slots.contains_key(&credential) {
            // Those that nobody asks for now; of credentials that are still in use they come back.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(credential).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The token, while it need not be renewed.
    fn fresh(&self, now: Instant) -> Option<Arc<AccessToken>> {
        self.token.as_ref().filter(|held| now < held.renew_at).map(|held| Arc::clone(&held.token))
    }

    /// The token, while it can be used.
    fn good(&self, now: Instant) -> Option<Arc<AccessToken>> {
        self.token.as_ref().filter(|held| now < held.end).map(|held| Arc::clone(&held.token))
    }

    /// What has become of it since there had been so many rounds.
    fn since(&self, rounds: u64, now: Instant) -> Option<Result<Taken, TokenError>> {
        if let Some(token) = self.fresh(now) {
            return Some(Ok((token, false)));
        }
        let failure = self.failure.as_ref().filter(|_| self.rounds != rounds)?;
        Some(Err(failure.clone()))
    }

    fn settle(&mut self, result: Result<Held, TokenError>, now: Instant) -> Result<Taken, TokenError> {
        self.rounds += 1;
        match result {
            Ok(held) => {
                let token = Arc::clone(&held.token);
                (self.token, self.failure) = (Some(held), None);
                Ok((token, false))
            }
            Err(error) => {
                if let Some(held) = self.token.as_mut().filter(|held| now < held.end) {
                    held.renew_at = now + RENEWAL_PAUSE;
                    return Ok((Arc::clone(&held.token), true));
                }
                (self.token, self.failure) = (None, Some(error.clone()));
                Err(error)
            }
        }
    }
}

/// Gets a token from where it comes from.
async fn grant(source: &TokenSource, door: &Door<'_>, secrets: &[Secret]) -> Result<Grant, TokenError> {
    let ask: Ask<'_> = match source {
        TokenSource::Zhipu { id, secret } => return Ok(zhipu_jwt::grant(id, secret, SystemTime::now())),
        TokenSource::GoogleServiceAccount(account) => google::ask_for_account(account, SystemTime::now())?,
        TokenSource::GoogleUser(user) => google::ask_for_user(user),
        TokenSource::GoogleMachine { endpoint } => google::ask_the_machine(endpoint),
        TokenSource::Entra(client) => oauth::ask_entra(client),
        TokenSource::Oauth(client) => oauth::ask(client),
        TokenSource::Baidu(client) => oauth::ask_baidu(client),
    };
    exchange(&ask, door, secrets).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(now: Instant, renew_s: u64, end_s: u64) -> Held {
        let source = TokenSource::Zhipu { id: Secret::new("i"), secret: Secret::new("s") };
        let token = Arc::new(AccessToken::new(&source, "tok").unwrap());
        Held { token, renew_at: now + Duration::from_secs(renew_s), end: now + Duration::from_secs(end_s) }
    }

    #[test]
    fn a_token_is_used_on_while_its_renewal_fails() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let failed = || Err(TokenError::slow());
        kept.settle(Ok(held(now, 40, 100)), now).unwrap();
        assert!(kept.fresh(after(39)).is_some() && kept.fresh(after(40)).is_none());
        assert!(kept.settle(failed(), after(50)).is_ok_and(|(_, cached)| cached));
        assert!(kept.fresh(after(59)).is_some() && kept.fresh(after(60)).is_none());
        assert!(kept.good(after(99)).is_some() && kept.good(after(100)).is_none());
        assert!(kept.settle(failed(), after(100)).is_err());
        assert!(kept.token.is_none());
    }

    #[test]
    fn those_who_waited_hear_of_the_failure_and_later_ones_ask_anew() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        assert!(kept.since(0, now).is_none());
        let _ = kept.settle(Err(TokenError::slow()), now);
        assert!(kept.since(0, now).is_some_and(|settled| settled.is_err()));
        assert!(kept.since(1, now).is_none());
        kept.settle(Ok(held(now, 5, 10)), now).unwrap();
        assert!(kept.since(1, now).is_some_and(|settled| settled.is_ok()));
    }

    #[test]
    fn credentials_that_are_gone_take_no_room() {
        let tokens = AccessTokens::default();
        for credential in 0..2 * SLOTS_MOST as u64 {
            tokens.slot(credential);
        }
        assert!(tokens.lock().len() <= SLOTS_MOST);
    }

    #[test]
    fn only_the_refused_token_is_forgotten() {
        let (tokens, now) = (AccessTokens::default(), Instant::now());
        let put = || {
            let held = held(now, 1000, 2000);
            tokens.slot(7).kept().settle(Ok(held), now).unwrap().0
        };
        let old = put();
        let new = put();
        tokens.forget(7, &old);
        assert!(tokens.cached(7, now).is_some_and(|token| Arc::ptr_eq(&token, &new)));
        tokens.forget(7, &new);
        assert!(tokens.cached(7, now).is_none());
        assert!(!format!("{new:?}").contains("tok"), "{new:?}");
    }
}
