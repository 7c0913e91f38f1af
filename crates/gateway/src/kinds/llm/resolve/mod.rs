//! resolve: Call → Plan. A pure choice of what to try in which order; never sends.
//!
//! In: what is asked, the settings, and how deployments do. Out: a [`Plan`], with why each deployment is in it or not.

mod ask;
mod candidate;
mod conversation;
mod decision;
mod order;
mod pin;
mod rules_out;
mod variant;

use smallvec::SmallVec;
use std::sync::Arc;

use yumen_config::{
    Credential, Deployment, FailureClass, Hedge, ModelTarget, Preferences, Provider, ProviderName, Reaction,
    Shadow, Snapshot, Sticky, Strategy, VirtualKey,
};
use yumen_llm::dialects::Dialect;

use crate::affinity::{Affinity, key_of};
use crate::health::{Health, Standing};
use crate::rejection::Rejection;
use crate::stages::unknown_model;

pub use ask::{Ask, Named};
use candidate::{Behind, Candidate, Candidates};
pub use candidate::{can_search, going_on, spoken};
pub use conversation::{conversation, session, session_name};
pub use decision::Decision;
pub use rules_out::{Reason, is_free};
pub use variant::{Variant, split_variant};

/// What to try, in order.
#[derive(Debug)]
pub struct Plan {
    /// The steps; never empty.
    pub steps: SmallVec<[Step; 2]>,
    /// How it came to be.
    pub decision: Decision,
    /// The session that is to find its deployment again.
    pub session: Option<Session>,
    /// Whether only a provider is to be asked that understands every field of the request.
    pub require_parameters: bool,
    /// Whether an answer that breaks off is gone on with by the steps that come after.
    pub rescue: bool,
    /// The only credential that may be used: the one that made what the request continues.
    pub only: Option<Arc<Credential>>,
    /// What is wished of how failures are survived.
    pub survival: Survival,
    /// The candidate that is asked copies of requests for the first model.
    pub shadow: Option<Arc<Shadow>>,
}

impl Plan {
    /// A single step, for a question of the gateway's own.
    pub fn one(step: Step) -> Self {
        let (steps, decision) = (SmallVec::from_iter([step]), Decision::plain(Strategy::Priority));
        Self {
            steps,
            decision,
            session: None,
            rescue: false,
            require_parameters: false,
            only: None,
            survival: Survival::default(),
            shadow: None,
        }
    }

    /// The same with some of its steps only, for something else than an answer.
    pub fn with_steps(&self, steps: SmallVec<[Step; 2]>) -> Self {
        let decision = Decision::plain(self.decision.strategy);
        let (require_parameters, survival) = (self.require_parameters, Survival::default());
        Self {
            steps,
            decision,
            session: None,
            require_parameters,
            rescue: false,
            only: None,
            survival,
            shadow: None,
        }
    }

    /// The same with the steps that may go on with an answer that has begun. One that refuses such a request leaves it to
    /// the next, where settings do not say otherwise; none is asked beside another.
    pub fn going_on(&self, steps: SmallVec<[Step; 2]>) -> Self {
        let mut survival = Survival { reactions: self.survival.reactions.clone(), hedge: None };
        survival.reactions.push((FailureClass::BadRequest, Reaction::Next));
        Self { survival, ..self.with_steps(steps) }
    }
}

/// What is wished of how failures are survived.
#[derive(Debug, Clone, Default)]
pub struct Survival {
    /// Who is tried after which failure, where it is not what is usual; the narrowest level first.
    reactions: Vec<(FailureClass, Reaction)>,
    /// When a second deployment is asked beside a slow one.
    pub hedge: Option<Hedge>,
}

impl Survival {
    fn of(levels: &Levels<'_>) -> Self {
        let said = levels.levels.iter().rev().flatten();
        Self {
            reactions: said.flat_map(|level| level.on_failure.iter().copied()).collect(),
            hedge: levels.narrowest(|level| level.hedge),
        }
    }

    /// Who is tried after a failure.
    pub fn reaction(&self, class: FailureClass) -> Reaction {
        let said = self.reactions.iter().find(|(said, _)| *said == class);
        said.map_or_else(|| class.usual(), |(_, reaction)| *reaction)
    }
}

/// A session that is to find its deployment again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its key.
    pub key: u64,
    /// Whether it stays at once, and not only after its deployment has read from its cache.
    pub at_once: bool,
}

/// One deployment and the dialect in which it is spoken to.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is called.
    pub deployment: Deployment,
    /// The dialect of the upstream.
    pub dialect: Dialect,
    /// Whether it is to search the web, as is wished of the model.
    pub online: bool,
}

impl Step {
    /// The provider that is called.
    pub fn provider(&self) -> &Provider {
        &self.deployment.provider
    }

    /// Whether it is still to be tried after another one has failed with this reaction.
    pub fn is_left_by(&self, reaction: Reaction, failed: &Self) -> bool {
        let (model, its) = (&self.deployment.model, &failed.deployment.model);
        match reaction {
            Reaction::NextModel => model.name() != its.name(),
            Reaction::LargerModel => match (model.context, its.context) {
                (Some(own), Some(its)) => own > its,
                _ => model.name() != its.name(),
            },
            Reaction::OtherProvider => self.provider().vendor() != failed.provider().vendor(),
            Reaction::Retry | Reaction::Next | Reaction::Stop => true,
        }
    }
}

/// What is known while the gateway runs.
#[derive(Clone, Copy)]
pub struct Live<'l> {
    /// How deployments do.
    pub health: &'l Health,
    /// Who was served where.
    pub affinity: &'l Affinity,
    /// The clock of both.
    pub now_ms: u64,
    /// Draws a number below another one.
    pub draw: &'l dyn Fn(u64) -> u64,
    /// Whether no credential of a deployment has room for so many tokens.
    pub is_limited: &'l dyn Fn(&Deployment, u64) -> bool,
}

/// Chooses the deployments for a call: those of the model asked for in the order of its strategy, then its fallbacks,
/// then the same for each further model that the client names.
pub fn resolve(
    live: &Live<'_>,
    snapshot: &Snapshot,
    key: &VirtualKey,
    ask: &Ask<'_>,
) -> Result<Plan, Rejection> {
    let targets: SmallVec<[(Arc<ModelTarget>, &Named<'_>); 2]> =
        ask.models.iter().filter_map(|named| Some((snapshot.target(named.name)?, named))).collect();
    let chooser = Chooser { live, snapshot, key, ask };
    let mut all = Candidates::default();
    for (rank, (target, named)) in targets.iter().enumerate() {
        chooser.gather(&mut all, target, named, rank);
    }
    if all.iter().all(|candidate| candidate.out == Some(Reason::NotServed)) {
        return Err(unknown_model(snapshot, &key.models, ask.models.first().map_or("", |named| named.name)));
    }
    let first = targets.first().map(|(target, named)| chooser.levels(target, named.variant));
    let levels = first.unwrap_or_default();
    let require_parameters = levels.all().any(|level| level.require_parameters);
    let strategy = targets.first().map_or(Strategy::Weighted, |(target, _)| levels.strategy(target));
    let shadow = targets.first().and_then(|(target, _)| target.shadow.clone());
    if let [only] = all.as_slice()
        && only.out.is_none()
        && !levels.keeps_to_order()
    {
        let mut steps = SmallVec::from_iter([only.step()]);
        let only = ask.pinned(snapshot, key, &mut steps)?;
        return Ok(Plan {
            steps,
            decision: Decision::plain(strategy),
            session: None,
            require_parameters,
            rescue: false,
            only,
            survival: Survival::of(&levels),
            shadow,
        });
    }
    let session = chooser.put_in_order(&mut all, &targets, &levels);
    let stuck = session.and_then(|session| chooser.stick(&mut all, session));
    chooser.without_fallbacks(&mut all, &levels);
    let mut steps: SmallVec<[Step; 2]> = SmallVec::new();
    for candidate in all.iter().filter(|candidate| candidate.out.is_none()) {
        if !steps.iter().any(|step| step.deployment.is_same(candidate.deployment)) {
            steps.push(candidate.step());
        }
    }
    if steps.is_empty() {
        return Err(decision::nothing_left(ask, &all));
    }
    let decision = Decision::of(strategy, stuck.is_some(), &all);
    let only = ask.pinned(snapshot, key, &mut steps)?;
    let session = session.filter(|_| only.is_none());
    let survival = Survival::of(&levels);
    let rescue = only.is_none() && levels.narrowest(|level| level.rescue) == Some(true);
    Ok(Plan { steps, decision, session, require_parameters, rescue, only, survival, shadow })
}

/// The preferences that hold for one target, from the widest level to the narrowest.
#[derive(Clone, Copy, Default)]
struct Levels<'c> {
    levels: [Option<&'c Preferences>; 7],
    variant: Option<Variant>,
}

impl<'c> Levels<'c> {
    fn all(&self) -> impl Iterator<Item = &'c Preferences> {
        self.levels.into_iter().flatten()
    }

    /// What the narrowest level says that says something.
    fn narrowest<T>(&self, said: impl Fn(&'c Preferences) -> Option<T>) -> Option<T> {
        self.levels.iter().rev().flatten().find_map(|level| said(level))
    }

    /// Providers that are tried before all others.
    fn order(&self) -> Option<&'c [ProviderName]> {
        self.narrowest(|level| Some(&*level.order).filter(|order| !order.is_empty()))
    }

    /// Whether nobody is tried but those of the order.
    fn keeps_to_order(&self) -> bool {
        self.order().is_some() && self.narrowest(|level| level.allow_fallbacks) == Some(false)
    }

    fn strategy(&self, target: &ModelTarget) -> Strategy {
        let [.., rule] = self.levels;
        rule.and_then(|rule| rule.strategy)
            .or_else(|| self.variant.and_then(Variant::strategy))
            .or_else(|| self.narrowest(|level| level.strategy))
            .unwrap_or_else(|| target.usual_strategy())
    }
}

struct Chooser<'c, 'a> {
    live: &'c Live<'c>,
    snapshot: &'c Snapshot,
    key: &'c VirtualKey,
    ask: &'c Ask<'a>,
}

impl<'c> Chooser<'c, '_> {
    fn levels(&self, target: &'c ModelTarget, variant: Option<Variant>) -> Levels<'c> {
        let held = |level: &'c Preferences| (!level.is_empty()).then_some(level);
        Levels {
            levels: [
                held(&self.snapshot.routing),
                held(&target.routing),
                held(&self.key.routing),
                self.ask.preset.map(|preset| &*preset.routing).and_then(held),
                self.ask.wishes.and_then(held),
                self.ask.guard.and_then(held),
                self.ask.rule.and_then(held),
            ],
            variant,
        }
    }

    /// Adds the deployments of a target, each with why it is out if it is.
    fn gather(&self, all: &mut Candidates<'c>, target: &'c ModelTarget, named: &Named<'_>, rank: usize) {
        let levels = self.levels(target, named.variant);
        let listed = target.deployments.items().iter().map(|deployment| (deployment, false));
        let fallbacks = target.fallbacks.iter().map(|deployment| (deployment, true));
        let online = self.ask.online || self.ask.answers && named.variant == Some(Variant::Online);
        let searches = online || self.ask.has_search_options();
        for (deployment, is_fallback) in listed.chain(fallbacks) {
            let segment = rank * 2 + usize::from(is_fallback);
            let mut candidate = Candidate::new(deployment, segment);
            candidate.online = online;
            let spoken = match searches {
                true => candidate::spoken_with_search(self.ask.dialect, deployment),
                false => candidate::spoken(self.ask.dialect, deployment),
            };
            match spoken {
                _ if !candidate::exists(deployment) => candidate.out = Some(Reason::NotServed),
                None => candidate.out = Some(Reason::Unspoken),
                Some(dialect) => {
                    candidate.dialect = dialect;
                    candidate.searches = candidate::searches(dialect, deployment);
                    let unable = || self.cannot_search(&candidate, &levels).then_some(Reason::WebSearch);
                    candidate.out = rules_out::reason(&levels, deployment).or_else(unable);
                }
            }
            all.push(candidate);
        }
    }

    /// Whether the web must be searched and a candidate is not known to do that.
    fn cannot_search(&self, candidate: &Candidate<'_>, levels: &Levels<'_>) -> bool {
        let must = || {
            candidate.online || levels.all().any(|level| level.require_parameters) && self.ask.wishes_search()
        };
        !candidate.searches && must()
    }

    /// Puts the candidates in order; gives the session that is to stay where it is.
    fn put_in_order(
        &self,
        all: &mut Candidates<'c>,
        targets: &'c [(Arc<ModelTarget>, &Named<'_>)],
        first: &Levels<'c>,
    ) -> Option<Session> {
        for candidate in all.iter_mut().filter(|candidate| candidate.out.is_none()) {
            candidate.look_up(self.live);
            candidate.behind = self.behind(first, candidate);
        }
        if first.narrowest(|level| level.across_models.then_some(())).is_some() {
            all.iter_mut().for_each(|candidate| candidate.segment %= 2);
        }
        all.sort_by_key(|candidate| candidate.segment);
        let mut rest: &mut [Candidate<'c>] = all;
        while let Some(segment) = rest.first().map(|candidate| candidate.segment) {
            let length = rest.iter().take_while(|candidate| candidate.segment == segment).count();
            let (own, others) = rest.split_at_mut(length);
            rest = others;
            let Some((target, named)) = targets.get(segment / 2) else { continue };
            let levels = self.levels(target, named.variant);
            let listed = segment % 2 == 0;
            // Fallbacks are tried as they are listed, unless a rule or the request itself says otherwise.
            let ruled = self.ask.rule.and_then(|rule| rule.strategy);
            let strategy = match ruled
                .or(self.ask.wishes.and_then(|wishes| wishes.strategy))
                .or(levels.variant.and_then(Variant::strategy))
            {
                None if !listed => Strategy::Priority,
                said => said.unwrap_or_else(|| levels.strategy(target)),
            };
            // Of several models together no single turn can be taken.
            let rotation =
                Some(&target.deployments).filter(|_| listed && target.deployments.items().len() == length);
            order::Ordering { live: self.live, ask: self.ask, key: self.key }.order(own, strategy, rotation);
            if let Some(order) = levels.order() {
                own.sort_by_key(|candidate| {
                    order
                        .iter()
                        .position(|name| name.is(&candidate.deployment.provider))
                        .unwrap_or(order.len())
                });
            }
            own.sort_by_key(|candidate| candidate.behind.is_some());
        }
        // Whoever fails is the last resort, whatever is wished.
        all.sort_by_key(|candidate| candidate.standing == Standing::Open);
        self.session(all, targets, first)
    }

    /// Why a candidate comes after the others of its kind.
    fn behind(&self, levels: &Levels<'_>, candidate: &Candidate<'_>) -> Option<Behind> {
        let facts = &candidate.deployment.model.facts;
        if self.ask.needs_tools
            && facts.supports.is_some_and(|known| !known.has(yumen_llm::catalogue::Feature::Tools))
        {
            return Some(Behind::Tools);
        }
        if !candidate.searches && self.ask.wishes_search() {
            return Some(Behind::WebSearch);
        }
        let model = &candidate.deployment.model;
        if model.context.is_some_and(|context| self.ask.is_longer_than(context))
            || self.ask.max_output.is_some_and(|wanted| model.max_output.is_some_and(|most| wanted > most))
        {
            return Some(Behind::Length);
        }
        if (self.live.is_limited)(candidate.deployment, self.ask.rough_tokens()) {
            return Some(Behind::Limited);
        }
        let figures = candidate.figures.as_ref()?;
        let now_ms = self.live.now_ms;
        let slow = levels.narrowest(|level| Some(&level.max_latency).filter(|wanted| !wanted.is_empty()));
        let is_slow = slow.into_iter().flatten().any(|wanted| {
            let known = figures.first_token_ms(now_ms, wanted.percentile.of_hundred());
            known.is_some_and(|ms| ms as f64 > wanted.figure * 1000.0)
        });
        let few = levels.narrowest(|level| Some(&level.min_throughput).filter(|wanted| !wanted.is_empty()));
        let gives_few = few.into_iter().flatten().any(|wanted| {
            let known = figures.throughput_of(now_ms, wanted.percentile.of_hundred());
            known.is_some_and(|tokens| tokens < wanted.figure)
        });
        match (is_slow, gives_few) {
            (true, _) => Some(Behind::Latency),
            (_, true) => Some(Behind::Throughput),
            _ => None,
        }
    }

    /// The session of this call, if it is to stay with a deployment.
    fn session(
        &self,
        all: &Candidates<'c>,
        targets: &[(Arc<ModelTarget>, &Named<'_>)],
        levels: &Levels<'_>,
    ) -> Option<Session> {
        let (target, _) = targets.first()?;
        let strategy = levels.strategy(target);
        let is_ordered =
            matches!(strategy, Strategy::Priority | Strategy::ConsistentHash) || levels.order().is_some();
        if is_ordered || all.iter().filter(|candidate| candidate.out.is_none()).count() < 2 {
            return None;
        }
        let sticky = levels.narrowest(|level| level.sticky).unwrap_or_default();
        let caches = || {
            let mut prices = all.iter().filter_map(|candidate| candidate.deployment.model.price);
            prices.any(|price| price.cache_read.is_some_and(|read| read < price.input))
        };
        let (said, at_once) = match (sticky, self.ask.session()) {
            (Sticky::Off, _) | (Sticky::Session, None) => return None,
            (_, Some(session)) => (session, true),
            (Sticky::Auto, None) if !caches() => return None,
            (Sticky::Auto | Sticky::Prompt, None) => (self.ask.conversation()?, sticky == Sticky::Prompt),
        };
        // A copy has sessions of its own: it must not move those of clients, whom an alias that is its own candidate serves.
        let key = key_of((&self.key.id, &target.name, said, self.ask.is_copy()));
        Some(Session { key, at_once })
    }

    /// Moves the deployment that last served the session to the front, unless it is not well.
    fn stick(&self, all: &mut Candidates<'c>, session: Session) -> Option<()> {
        let deployment = self.live.affinity.deployment(session.key, self.live.now_ms)?;
        let at = all.iter().position(|candidate| {
            candidate.out.is_none()
                && candidate.segment == 0
                && candidate.deployment.id == deployment
                && candidate.standing == Standing::Well
                && candidate.behind != Some(Behind::Limited)
        })?;
        all.get_mut(..=at)?.rotate_right(1);
        Some(())
    }

    /// Leaves only what is allowed when no other may be tried.
    fn without_fallbacks(&self, all: &mut Candidates<'c>, levels: &Levels<'_>) {
        if levels.narrowest(|level| level.allow_fallbacks) != Some(false) {
            return;
        }
        let order = levels.order();
        let mut kept = 0;
        for candidate in all.iter_mut().filter(|candidate| candidate.out.is_none()) {
            let stays = match order {
                Some(order) => order.iter().any(|name| name.is(&candidate.deployment.provider)),
                None => kept == 0,
            };
            kept += usize::from(stays);
            if !stays {
                candidate.out = Some(Reason::NoFallbacks);
            }
        }
    }
}

#[cfg(test)]
mod tests;
