//! Credentials that wait, because they rest or have no room: which of them is asked after all, and when a client may come back.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::super::arrival::Arrival;
use super::super::resolve::Step;
use super::{Run, Then};
use crate::exchange::Exchange;
use crate::kinds::turns::returns_in;
use crate::rejection::Rejection;

const LIMITED: u16 = 429;

impl Run<'_> {
    /// Before giving up, those that wait are asked after all, the one that is expected to have room first before the others.
    /// Once it is refused for having none, the others are known to have none for longer: asking them as well would bring
    /// more refusals, which count with many providers.
    pub(super) async fn at_last(
        &mut self,
        exchange: &mut Exchange,
    ) -> Result<Option<Box<Arrival>>, Rejection> {
        let mut waiting = std::mem::take(&mut self.resting);
        let gateway = Arc::clone(&exchange.worker().gateway);
        waiting.sort_by_cached_key(|(step, credential)| {
            returns_in(&gateway, credential, self.call.load(&step.deployment))
        });
        let failed = self.last.take();
        let mut done: SmallVec<[&Step; 2]> = SmallVec::new();
        for (step, credential) in waiting {
            if !self.is_left(step) || done.iter().any(|done| std::ptr::eq(*done, step)) {
                continue;
            }
            self.enter(exchange, step, true);
            match self.attempt(exchange, step, Some(credential)).await? {
                Ok(arrival) => return Ok(Some(arrival)),
                Err(Then::Step) => done.push(step),
                Err(Then::Credential | Then::Renewed) => {}
            }
            if self.last.as_ref().is_some_and(|last| last.status == LIMITED) {
                break;
            }
        }
        self.last = failed.or(self.last.take());
        Ok(None)
    }

    /// The same rejection, which tells a client that is limited to come back when the first of those that could be asked is
    /// expected to have room. Where the provider has told no time there is only a guess, which nobody is told.
    pub(super) fn with_least_wait(&self, exchange: &Exchange, mut rejection: Rejection) -> Rejection {
        let Some(own) = rejection.retry_after_s.filter(|_| rejection.status == LIMITED) else {
            return rejection;
        };
        let gateway = &exchange.worker().gateway;
        let steps = self.plan.steps.iter().filter(|step| self.is_left(step));
        let waits = steps.filter_map(|step| {
            let load = self.call.load(&step.deployment);
            let (only, all) = (self.plan.only.iter(), step.provider().credentials.items());
            let credentials = only.chain(all.iter().filter(|_| self.plan.only.is_none()));
            credentials.filter_map(|credential| returns_in(gateway, credential, load)).min()
        });
        let least = waits.min().map(|wait| (wait.max(Duration::from_secs(1)).as_secs_f64()).ceil() as u64);
        rejection.retry_after_s = Some(least.map_or(own, |least| own.min(least)));
        rejection
    }
}
