//! Asking deployments whether they are well, behind all requests, so that no exchange has to find out.
//!
//! In: the live Snapshot, whose providers say how they are asked, and how deployments stand. Out: what each has answered, told
//! to its breaker. One task for all, and one more for each deployment that is being asked, of which there are few at a
//! time. It touches no settings, and asks nothing where none says so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};
use yumen_config::{Deployment, Probe, ProbeQuestion, ServedModel, Snapshot};

use crate::discovery::{AskError, Asking};
use crate::health::{Figures, Probed, Standing};
use crate::kinds::llm;
use crate::worker::{Gateway, Worker};

/// How often it is looked who is to be asked.
const LOOK: Duration = Duration::from_millis(250);
/// Deployments that are asked at the same time.
const ASKED_MOST: usize = 16;
/// How long one question may take; less where the provider's time-outs say so.
const QUESTION_MOST: Duration = Duration::from_secs(15);
/// Who was used within this time is in use.
const IN_USE_MS: u64 = 1_800_000;
/// A deployment whose breaker has just opened is asked after this time at most.
const FIRST_MOST: Duration = Duration::from_secs(1);

/// Asks deployments as their providers' settings say, until the process is to stop.
pub async fn probe(gateway: Arc<Gateway>) {
    let Some(worker) = Worker::without_records(&gateway).map(Arc::new) else {
        tracing::warn!("deployments are not probed: there is no random number to be had");
        return;
    };
    let mut rounds = Rounds { worker, watched: HashMap::new(), tasks: JoinSet::new() };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if gateway.draining.load(Ordering::Relaxed) {
            return;
        }
        rounds.worker.pool.sweep();
        let snapshot = gateway.snapshot.load_full();
        while let Some(ended) = rounds.tasks.try_join_next() {
            rounds.asked(ended.unwrap_or_default());
        }
        if snapshot.providers.values().any(|provider| provider.probe.is_some()) {
            rounds.look(&snapshot);
        } else {
            rounds.watched.clear();
            rounds.tasks.abort_all();
        }
    }
}

/// A deployment that is asked.
struct Watched {
    next: Instant,
    /// The question that was put last. Whether it is open is read from its task, which may end without a word.
    question: Option<AbortHandle>,
    /// Its server is there: exchanges may look whether it is well, until they have found that it is not.
    is_there: bool,
}

impl Watched {
    fn is_asked(&self) -> bool {
        self.question.as_ref().is_some_and(|question| !question.is_finished())
    }
}

/// Which deployment was asked, and whether its server is there without being known to be well.
type Ended = Option<(u64, bool)>;

struct Rounds {
    worker: Arc<Worker>,
    watched: HashMap<u64, Watched>,
    tasks: JoinSet<Ended>,
}

impl Rounds {
    /// Asks those whose time has come, and keeps exchanges from those that are being watched.
    fn look(&mut self, snapshot: &Arc<Snapshot>) {
        let worker = Arc::clone(&self.worker);
        let (health, now) = (&worker.gateway.health, Instant::now());
        let now_ms = health.at(now);
        let mut seen = HashSet::new();
        for (id, figures) in health.all() {
            let standing = figures.standing_for_probes(now_ms);
            let fails = matches!(standing, Standing::Due | Standing::Open);
            let is_in_use = figures.last_used().saturating_add(IN_USE_MS) > now_ms;
            if !(fails || is_in_use) {
                continue;
            }
            let Some((deployment, probe)) = asked(snapshot, &figures, is_in_use) else { continue };
            if !(fails || probe.always) {
                continue;
            }
            seen.insert(id);
            let first = || if fails { probe.every.min(FIRST_MOST) } else { probe.every };
            let watched = self.watched.entry(id).or_insert_with(|| Watched {
                next: now + first().mul_f64(worker.between(0.5, 1.0)),
                question: None,
                is_there: false,
            });
            // Whoever tried it meanwhile has found it failing.
            watched.is_there &= standing == Standing::Due;
            if fails && !watched.is_there {
                figures.guard(now_ms);
            }
            // What it asked for by itself, to be left alone for so long, is granted.
            let is_due = now >= watched.next && !watched.is_asked() && standing != Standing::Open;
            if is_due && self.tasks.len() < ASKED_MOST {
                watched.next = now + probe.every.mul_f64(worker.between(0.8, 1.2));
                let asking = ask(Arc::clone(&worker), Arc::clone(snapshot), deployment, probe, figures);
                watched.question = Some(self.tasks.spawn(asking));
            }
        }
        self.watched.retain(|id, watched| watched.is_asked() || seen.contains(id));
    }

    fn asked(&mut self, ended: Ended) {
        if let Some((id, is_there)) = ended
            && let Some(watched) = self.watched.get_mut(&id)
        {
            watched.is_there = is_there;
        }
    }
}

/// The deployment of these figures and how it is asked, where its provider is to be asked at all. A model that the settings do not
/// list may be a client's invention, or one of settings that are gone: it is asked only as long as somebody uses it.
fn asked(snapshot: &Snapshot, figures: &Figures, is_in_use: bool) -> Option<(Deployment, Probe)> {
    let called = figures.called();
    let provider = snapshot.providers.get(&called.provider)?;
    let probe = provider.probe.clone()?;
    let native_id = called.model.as_ref()?;
    let model = match provider.models.get(native_id) {
        Some(model) => Arc::clone(model),
        None if is_in_use => Arc::new(ServedModel::unlisted(native_id)),
        None => return None,
    };
    let deployment = Deployment::new(provider, &model);
    let can = probe.question != ProbeQuestion::Call || llm::can_be_probed(&deployment);
    can.then_some((deployment, probe))
}

async fn ask(
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    deployment: Deployment,
    probe: Probe,
    figures: Arc<Figures>,
) -> Ended {
    let timeouts = deployment.provider.timeouts;
    let most = QUESTION_MOST.min(timeouts.connect.saturating_add(timeouts.first_byte)).min(timeouts.total);
    let told = match &probe.question {
        ProbeQuestion::Call => llm::probe(&worker, &snapshot, &deployment, most).await,
        ProbeQuestion::Models(list) => {
            let provider = &*deployment.provider;
            let credential = provider.credentials.items().first().map(|credential| &**credential);
            let tokens = &worker.gateway.access_tokens;
            let asking = Asking { tokens, pool: &worker.pool, provider, credential };
            Some(match tokio::time::timeout(most, asking.question(list, None)).await {
                Ok(Ok(_)) => Probed::There,
                Ok(Err(AskError::Status(status))) if status.is_client_error() => Probed::Refused,
                Ok(Err(_)) | Err(_) => Probed::Failed,
            })
        }
    };
    if let Some(told) = told {
        figures.probed(worker.gateway.health.at(Instant::now()), told);
        let (provider, model) = (&*deployment.provider.id, &*deployment.model.native_id);
        tracing::debug!(provider, model, ?told, "a deployment was probed");
    }
    Some((deployment.id, matches!(told, Some(Probed::There | Probed::Refused))))
}

#[cfg(test)]
mod tests {
    use yumen_config::{Catalogue, KeyHasher, parse_and_check};

    use super::*;
    use crate::health::Health;

    #[tokio::test]
    async fn a_question_that_ends_without_a_word_leaves_its_deployment_to_be_asked_again() {
        let mut tasks: JoinSet<Ended> = JoinSet::new();
        let cancelled = tasks.spawn(std::future::pending());
        let broken = tasks.spawn(async { panic!("a fault") });
        let open = tasks.spawn(std::future::pending());
        let watched = |question: AbortHandle| Watched {
            next: Instant::now(),
            question: Some(question),
            is_there: false,
        };
        let [cancelled, broken, open] = [cancelled, broken, open].map(watched);
        assert!(cancelled.is_asked() && open.is_asked());
        cancelled.question.as_ref().expect("a question").abort();
        for _ in 0..2 {
            assert!(tasks.join_next().await.expect("an end").is_err());
        }
        assert!(!cancelled.is_asked() && !broken.is_asked() && open.is_asked());
    }

    #[test]
    fn a_model_that_is_not_listed_is_not_asked_for_ever() {
        let catalogue = Catalogue::builtin().expect("the catalogue");
        let text = "providers: { one: { type: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", discovery: off, \
                    models: { m: {} }, probe: { how: call } } }";
        let files = |_: &str| Err(String::new());
        let hasher = KeyHasher::new([0; 32]);
        let checked = parse_and_check(text, "yumen.yaml", &|_| None, &files, &catalogue, &hasher, None);
        let snapshot = checked.snapshot.expect("a Snapshot");
        let provider = &snapshot.providers["one"];
        let is_asked = |model: &str, is_in_use| {
            let model = Arc::new(ServedModel::unlisted(&Arc::from(model)));
            let figures = Health::default().of(&Deployment::new(provider, &model));
            asked(&snapshot, &figures, is_in_use).is_some()
        };
        assert!(
            is_asked("m", true) && is_asked("m", false),
            "whoever is listed is looked after while he fails"
        );
        assert!(is_asked("invented", true) && !is_asked("invented", false));
    }
}
