//! Answers that do not fit the schema that was asked for: each is put aside while a better one is asked for, where settings
//! say so. When none comes, the first of them is the answer after all.

use std::sync::Arc;
use std::time::Instant;

use yumen_config::{FailureClass, Reaction, Word as _};
use yumen_telemetry::HealStatus;

use super::super::account::Account;
use super::super::arrival::{Arrival, Arrived};
use super::super::resolve::Step;
use super::{Run, Then};
use crate::exchange::{Asked, Exchange};
use crate::health::Opened;
use crate::rejection::Rejection;

/// An answer that was put aside.
pub(super) struct Aside<'a> {
    arrival: Box<Arrival>,
    step: &'a Step,
    began: Instant,
    opened: Option<Opened>,
    held: Option<Opened>,
    /// Which try it was.
    attempt: usize,
}

impl<'a> Run<'a> {
    /// Who is asked in place of this answer, if anybody is. Tries beside others are taken as they come.
    pub(super) fn unmet(&self, exchange: &Exchange, arrival: &Arrival) -> Option<Reaction> {
        let Arrived::Whole { healed: Some(record), .. } = &arrival.answer else { return None };
        let is_unmet = record.schema_valid == Some(false) || record.status == HealStatus::Failed;
        let reaction = self.plan.survival.reaction(FailureClass::SchemaUnmet);
        (is_unmet && exchange.is_open() && reaction != Reaction::Stop).then_some(reaction)
    }

    /// Puts an answer aside. It is paid for whoever answers in the end.
    pub(super) fn put_aside(
        &mut self,
        exchange: &mut Exchange,
        (step, began): (&'a Step, Instant),
        (reaction, arrival): (Reaction, Box<Arrival>),
        mut held: Option<Opened>,
    ) -> Then {
        let model = &step.deployment.model;
        let attempt = exchange.record.attempts.len().saturating_sub(1);
        if let Some(last) = exchange.record.attempts.last_mut() {
            last.cause = Some(FailureClass::SchemaUnmet.word().to_owned());
        }
        if let Arrived::Whole { tap, .. } = &arrival.answer {
            let asked = Asked { model: Some(Arc::clone(model.name())), ..self.call.asked() };
            Account { price: model.price, asked }.part(exchange, tap);
        }
        let mut opened = self.opened.take();
        let now_ms = exchange.worker().gateway.health.at(Instant::now());
        opened.iter_mut().chain(&mut held).for_each(|opened| opened.answered(now_ms));
        self.lead_from(reaction, step, None);
        let aside = Aside { arrival, step, began, opened, held, attempt };
        match &self.aside {
            None => self.aside = Some(Box::new(aside)),
            Some(_) => aside.leave(exchange),
        }
        Then::Step
    }

    /// Takes what was put aside where nobody has answered better.
    pub(super) fn answered(
        &mut self,
        exchange: &mut Exchange,
        aside: Aside<'a>,
        result: Result<Box<Arrival>, Rejection>,
    ) -> Box<Arrival> {
        if let Ok(better) = result {
            aside.leave(exchange);
            return better;
        }
        exchange.take_part(aside.attempt);
        self.opened = aside.opened;
        self.serves(exchange, aside.step, &aside.arrival, aside.began, aside.held);
        aside.arrival
    }
}

impl Aside<'_> {
    /// It is not the answer; its deployment has done what it was asked to.
    fn leave(self, exchange: &Exchange) {
        let now_ms = exchange.worker().gateway.health.at(Instant::now());
        self.opened.iter().chain(&self.held).for_each(|opened| opened.left(now_ms));
    }
}
