//! A second deployment asked beside one that is slow: the first content wins, the other one is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_config::Credential;
use yumen_llm::dialects::codec;

use super::super::resolve::Step;
use super::{Run, Side, Then, Tried};
use crate::clock::micros;
use crate::exchange::Exchange;
use crate::health::Opened;
use crate::kinds::turns::waits;
use crate::rejection::Rejection;
use crate::route::Task;

/// What a price of nothing or of nobody knows is counted as, in hundredths.
const LIKE_THE_FIRST: u64 = 100;
/// The longest wait for a slow one to become slow.
const WAIT_MOST: Duration = Duration::from_secs(600);

/// The cause of a try that was given up for another one.
const HEDGED: &str = "hedged";

impl<'a> Run<'a> {
    /// After how long another deployment is to be asked beside this try; `None` for nearly all.
    pub(super) fn hedges_after(&self, exchange: &Exchange, side: &Side<'a>) -> Option<Duration> {
        let hedge = self.plan.survival.hedge?;
        if !self.is_plain() || side.attempt.renewed || self.has_hedged {
            return None;
        }
        self.after(side.attempt.step).next()?;
        let known = || {
            let health = &exchange.worker().gateway.health;
            let figures = health.known(side.attempt.step.deployment.id)?;
            let ms = figures.slow_after_ms(health.at(Instant::now()), hedge.percentile, self.call.stream)?;
            Some(Duration::from_millis(ms))
        };
        hedge.after.or_else(known).map(|after| after.min(WAIT_MOST))
    }

    /// Whether it is a question that may be asked twice: what is given up costs its input then. Work that a provider has taken
    /// on (a video, an answer in the background) goes on there, and pictures and sound are paid for whole.
    fn is_plain(&self) -> bool {
        let is_text = codec(self.call.dialect).outline().operation.is_of_texts();
        let is_background = self.call.memory.as_ref().is_some_and(|memory| memory.background);
        self.call.task == Task::Generate && self.call.opening.is_none() && is_text && !is_background
    }

    /// The steps after this one that may be tried.
    fn after(&self, step: &'a Step) -> impl Iterator<Item = &'a Step> {
        let following = self.plan.steps.iter().skip_while(move |one| !std::ptr::eq(*one, step)).skip(1);
        following.filter(|one| self.is_left(one))
    }

    /// Makes a try, and another one beside it when it has not answered in time.
    pub(super) async fn race(
        &mut self,
        exchange: &mut Exchange,
        lead: Side<'a>,
        after: Duration,
    ) -> Result<Tried, Rejection> {
        let (began, waited, mut beside) = (Instant::now(), exchange.waited, exchange.beside());
        let mut first = Box::pin(lead.attempt.run(exchange));
        let result = tokio::time::timeout(after, &mut first).await.ok();
        let second = if result.is_none() { self.second(&mut beside, &lead) } else { None };
        let Some((second, mut opened)) = second else {
            let result = match result {
                Some(result) => result,
                None => (&mut first).await,
            };
            drop(first);
            return self.ended(exchange, lead, result);
        };
        let asked = began.elapsed();
        let mut other = Box::pin(second.attempt.run(&mut beside));
        tokio::select! {
            biased;
            result = &mut first => {
                drop(first);
                if result.is_ok() {
                    drop(other);
                    beside.give_up(HEDGED);
                    drop(beside);
                    return self.ended(exchange, lead, result);
                }
                let tried = match self.ended(exchange, lead, result) {
                    Ok(tried) => tried,
                    Err(rejection) => {
                        drop(other);
                        beside.give_up(HEDGED);
                        return Err(rejection);
                    }
                };
                let alone = Instant::now();
                let result = (&mut other).await;
                drop(other);
                exchange.waited += alone.elapsed();
                let came = self.ended_beside(&mut beside, &mut opened, second, result);
                exchange.join(beside);
                match came? {
                    Ok(arrival) => Ok(Ok(arrival)),
                    Err(_) => Ok(tried),
                }
            }
            result = &mut other => {
                drop(other);
                let is_answer = result.is_ok();
                let came = self.ended_beside(&mut beside, &mut opened, second, result);
                if !is_answer {
                    // The first one may still answer, whatever this one has said. If it does not, that counts.
                    let result = (&mut first).await;
                    drop(first);
                    exchange.join(beside);
                    let first = self.ended(exchange, lead, result)?;
                    return if first.is_ok() { Ok(first) } else { came.map(|_| first) };
                }
                drop(first);
                self.lost(exchange, lead);
                exchange.waited = waited + asked + beside.waited;
                exchange.join(beside);
                came
            }
        }
    }

    /// The try beside another one: the next step that may be tried now, with a credential that has room. Nothing
    /// where that would cost more than is allowed.
    fn second(&mut self, beside: &mut Exchange, lead: &Side<'a>) -> Option<(Side<'a>, Option<Opened>)> {
        let max_percent = self.plan.survival.hedge?.max_percent;
        let gateway = &Arc::clone(beside.worker()).gateway;
        let now_ms = gateway.health.at(Instant::now());
        let first = lead.attempt.step;
        if self.tries >= self.settings.max_attempts {
            return None;
        }
        let (step, credential, opened) = self.after(first).find_map(|step| {
            let credential = self.usable(beside, step)?;
            let opened = gateway.health.of(&step.deployment).enter(now_ms, false)?;
            Some((step, credential, opened))
        })?;
        let figures = gateway.health.known(first.deployment.id)?;
        if !figures.may_hedge(now_ms, max_percent, cost(first, step)) {
            return None;
        }
        let side = self.side(beside, step, credential, false)?;
        self.has_hedged = true;
        Some((side, Some(opened)))
    }

    /// A credential with which a step can be asked at once; `Some(None)` where it needs none.
    fn usable(&self, exchange: &Exchange, step: &'a Step) -> Option<Option<&'a Arc<Credential>>> {
        if step.provider().credentials.items().is_empty() {
            return Some(None);
        }
        let (gateway, load) = (&exchange.worker().gateway, self.call.load(&step.deployment));
        self.credentials(exchange, step).find(|credential| !waits(gateway, credential, load)).map(Some)
    }

    /// The same as `ended`, for the deployment of the second try.
    fn ended_beside(
        &mut self,
        beside: &mut Exchange,
        opened: &mut Option<Opened>,
        side: Side<'a>,
        result: Result<Box<super::Arrival>, super::Failure>,
    ) -> Result<Tried, Rejection> {
        let step = side.attempt.step;
        std::mem::swap(&mut self.opened, opened);
        let ended = self.ended(beside, side, result);
        std::mem::swap(&mut self.opened, opened);
        // Another credential, or a fresh token, may still be answered there.
        if matches!(ended, Ok(Err(Then::Step))) {
            self.beside.push(step);
        }
        ended
    }

    /// The first one is given up, for it was too slow: it would have needed at least so long.
    fn lost(&mut self, exchange: &mut Exchange, lead: Side<'a>) {
        exchange.give_up(HEDGED);
        let Some(opened) = self.opened.take() else { return };
        let now = Instant::now();
        let took_us = micros(now.saturating_duration_since(lead.attempt.began));
        opened.given_up(exchange.worker().gateway.health.at(now), took_us, self.call.stream);
    }
}

/// What a try at `second` costs, in hundredths of one at `first`.
fn cost(first: &Step, second: &Step) -> u32 {
    let input =
        |step: &Step| step.deployment.model.price.map(|price| price.input.0).filter(|price| *price > 0);
    let hundredths = match (input(first), input(second)) {
        (Some(first), Some(second)) => (u128::from(second) * 100 / u128::from(first)).max(1),
        _ => u128::from(LIKE_THE_FIRST),
    };
    u32::try_from(hundredths).unwrap_or(u32::MAX)
}
