//! A stream that breaks off after its first content is gone on with by another deployment.
//!
//! In: what the client has been told, and the steps of the plan that are left. Out: an answer that begins where that one broke
//! off, or why there is none. Each try is one of `dispatch`, with all its rules; the client hears nothing of it. What is
//! needed is kept only where the operator wants it, and moves into the task that asks, so that a client that leaves
//! meanwhile ends the exchange as ever.

mod told;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use smallvec::SmallVec;
use yumen_config::{FailureClass, GatewaySettings, Reaction};
use yumen_llm::dialects::{Operation, codec};

use super::arrival::{Arrival, Arrived, Earlier};
use super::call::Call;
use super::dispatch::dispatch;
use super::resolve::{Plan, Step, going_on};
use crate::exchange::{Asked, Exchange};
use crate::rejection::Rejection;
use crate::route::Task;

pub use told::Told;

/// Whether an answer is gone on with elsewhere when it breaks off.
#[derive(Debug, Default)]
pub enum Rescue {
    /// No, as nearly always.
    #[default]
    Off,
    /// It is, so what is told is remembered.
    On,
    /// It has broken off, and this has been told of it, but for white space at the end.
    Begun(Box<str>),
}

impl Rescue {
    /// Whether a call with this plan can be rescued: it asks for one streamed chat answer, and others could go on with it.
    pub fn of(call: &Call, plan: &Plan) -> Self {
        let is_wanted = plan.rescue && call.stream && call.task == Task::Generate;
        let is_chat = || {
            codec(call.dialect).outline().operation == Operation::Chat
                && call.passing().is_none()
                && call.opening.is_none()
                && !call.may_have_several_answers()
        };
        let can = is_wanted && is_chat() && is_able(call, plan.steps.iter().skip(1));
        if can { Self::On } else { Self::Off }
    }

    /// Whether others could go on with what this step answers.
    pub fn is_on_for(call: &Call, plan: &Plan, served: &Step) -> bool {
        matches!(call.rescue, Self::On) && is_able(call, after(plan, served))
    }

    /// What has been told of the answer that is to be gone on with.
    pub fn begun(&self) -> Option<&str> {
        match self {
            Self::Begun(begun) => Some(begun),
            Self::Off | Self::On => None,
        }
    }
}

/// Who may go on with an answer, and what they are asked.
pub struct Prospect {
    settings: Arc<GatewaySettings>,
    plan: Plan,
    client_headers: HeaderMap,
    /// Who serves it now.
    served: Step,
    /// How often others may be asked.
    tries_left: usize,
}

impl Prospect {
    /// Keeps what a rescue needs, for a stream that may need one.
    pub fn keep(
        settings: &Arc<GatewaySettings>,
        plan: Plan,
        client_headers: &HeaderMap,
        mut arrival: Box<Arrival>,
    ) -> Box<Arrival> {
        if let (Arrived::Stream(stream, _), Some(served)) = (&arrival.answer, &arrival.step)
            && stream.can_be_rescued()
        {
            let tries_left = settings.max_attempts.saturating_sub(arrival.earlier.tries);
            let (plan, served) = (plan.going_on(left(&plan, served, &arrival.earlier)), served.clone());
            let (settings, client_headers) = (Arc::clone(settings), client_headers.clone());
            arrival.prospect = Some(Box::new(Self { settings, plan, client_headers, served, tries_left }));
        }
        arrival
    }

    /// What settings say of an answer that has broken off so.
    fn reaction(&self, broke: FailureClass) -> Reaction {
        self.plan.survival.reaction(broke)
    }

    /// Another step has answered, and serves from here on.
    fn passes_to(&mut self, served: &Step, earlier: &Earlier) {
        self.tries_left = self.tries_left.saturating_sub(earlier.tries);
        self.plan.steps = left(&self.plan, served, earlier);
        self.served = served.clone();
    }
}

/// The steps that come after the one that serves, without those that failures before it rule out.
fn left(plan: &Plan, served: &Step, earlier: &Earlier) -> SmallVec<[Step; 2]> {
    after(plan, served).filter(|step| earlier.leaves(step)).cloned().collect()
}

/// The steps that come after the one that serves.
fn after<'p>(plan: &'p Plan, served: &Step) -> impl Iterator<Item = &'p Step> + use<'p> {
    let place = plan.steps.iter().position(|step| step.deployment.is_same(&served.deployment));
    plan.steps.iter().skip(place.map_or(0, |place| place + 1))
}

/// Whether one of these steps can go on with an answer.
fn is_able<'p>(call: &Call, mut steps: impl Iterator<Item = &'p Step>) -> bool {
    steps.any(|step| going_on(call.dialect, &step.deployment).is_some())
}

/// What came of a rescue.
type Tried = (Box<Exchange>, Box<Job>, Result<Box<Arrival>, Rejection>);

struct Job {
    call: Box<Call>,
    prospect: Box<Prospect>,
}

/// The rescue of one exchange.
pub struct Rescuer {
    /// Not while it runs.
    job: Option<Box<Job>>,
    running: Option<Pin<Box<dyn Future<Output = Tried> + Send>>>,
    /// Why the answer broke off.
    broke: Option<Rejection>,
}

/// A rescue that has come to its end.
pub struct Rescued {
    /// The exchange, which is the stream's again.
    pub exchange: Box<Exchange>,
    /// What goes on with the answer, or why it broke off when nothing does.
    pub result: Result<Box<Arrival>, Rejection>,
}

impl Rescuer {
    /// What may be needed.
    pub fn new(prospect: Box<Prospect>, call: Box<Call>) -> Self {
        Self { job: Some(Box::new(Job { call, prospect })), running: None, broke: None }
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// What the request, as it was sent last, tells of what its answer uses.
    pub fn asked(&self) -> Asked {
        self.job.as_ref().map(|job| job.call.asked()).unwrap_or_default()
    }

    /// The bound of an event.
    pub fn max_event_bytes(&self) -> usize {
        self.job.as_ref().map_or(0, |job| job.prospect.settings.max_event_bytes)
    }

    /// Whether anybody is to go on with this after it has broken off so.
    pub fn can(&self, begun: &str, broke: FailureClass) -> bool {
        let can = |job: &Job| job.prospect.tries_left > 0 && !job.able(begun, broke).is_empty();
        self.job.as_deref().is_some_and(can)
    }

    /// Has others go on with what was told.
    pub fn begin(&mut self, mut exchange: Box<Exchange>, begun: &str, broke: (FailureClass, Rejection)) {
        let Some(mut job) = self.job.take() else { return };
        let (class, rejection) = broke;
        self.broke = Some(rejection);
        let plan = job.prospect.plan.going_on(job.able(begun, class));
        job.leave_by(class);
        let mut settings = GatewaySettings::clone(&job.prospect.settings);
        settings.max_attempts = job.prospect.tries_left;
        job.call.rescue = Rescue::Begun(begun.trim_end().into());
        self.running = Some(Box::pin(async move {
            let headers = &job.prospect.client_headers;
            let result = dispatch(&mut exchange, &settings, &job.call, &plan, headers).await;
            (exchange, job, result)
        }));
    }

    /// Goes on with it.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Rescued>> {
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        let Poll::Ready((mut exchange, mut job, result)) = running.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.running = None;
        let result = match (result, self.broke.take()) {
            (Ok(arrival), _) => {
                if let Some(attempt) = exchange.record.attempts.last_mut() {
                    attempt.rescue = true;
                }
                if let Some(served) = &arrival.step {
                    job.prospect.passes_to(served, &arrival.earlier);
                }
                Ok(arrival)
            }
            // That is what the client is told; why nobody else could go on stands at the tries.
            (Err(_), Some(broke)) => Err(broke),
            (Err(failed), None) => Err(failed),
        };
        self.job = Some(job);
        Poll::Ready(Some(Rescued { exchange, result }))
    }
}

impl Job {
    /// Forgets the steps that nobody asks any more after an answer has broken off so.
    fn leave_by(&mut self, broke: FailureClass) {
        let reaction = self.prospect.reaction(broke);
        let Prospect { plan, served, .. } = &mut *self.prospect;
        plan.steps.retain(|step| step.is_left_by(reaction, served));
    }

    /// The steps that are to go on with it after it has broken off so. Where nothing was told but white space, everybody can.
    fn able(&self, begun: &str, broke: FailureClass) -> SmallVec<[Step; 2]> {
        let Prospect { plan, served, .. } = &*self.prospect;
        let reaction = self.prospect.reaction(broke);
        if reaction == Reaction::Stop {
            return SmallVec::new();
        }
        let steps = plan.steps.iter().filter(|step| step.is_left_by(reaction, served));
        if begun.trim_end().is_empty() {
            return steps.cloned().collect();
        }
        let able = steps.filter_map(|step| {
            let dialect = going_on(self.call.dialect, &step.deployment)?;
            Some(Step { deployment: step.deployment.clone(), dialect, online: step.online })
        });
        able.collect()
    }
}
