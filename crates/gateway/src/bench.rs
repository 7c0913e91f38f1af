//! The choice of deployments for benches, which see only what is public.
//!
//! In: settings and a request. Out: how many deployments its plan has. Nothing else may use this.

use std::time::Instant;

use bytes::Bytes;
use http::request;
use yumen_config::{Snapshot, VirtualKey};

use crate::affinity::Affinity;
use crate::health::Health;
use crate::kinds::llm::{Call, Live, Request, look, resolve, understood};
use crate::rejection::Rejection;

/// A gateway in which every deployment has served already.
#[derive(Debug)]
pub struct Chooser {
    snapshot: Snapshot,
    health: Health,
    affinity: Affinity,
}

/// A request, read.
#[derive(Debug)]
pub struct Read(Box<Call>);

impl Chooser {
    /// With these settings.
    pub fn new(snapshot: Snapshot) -> Self {
        let health = Health::default();
        let now_ms = health.at(Instant::now());
        let targets = snapshot.models.values();
        for deployment in targets.flat_map(|target| target.deployments.items()) {
            let figures = health.of(deployment);
            if let Some(mut opened) = figures.enter(now_ms, true) {
                opened.answered(now_ms);
                opened.first_token(now_ms, 200_000);
                opened.completed(now_ms, 1_000_000, 50, 800_000);
            }
        }
        Self { snapshot, health, affinity: Affinity::default() }
    }

    /// Reads a request.
    pub fn read(&self, head: &request::Parts, body: Bytes) -> Result<Read, Rejection> {
        understood(&self.snapshot, head, body).map(Read)
    }

    /// Looks at the rules and puts deployments in order, as the pipeline does; gives the steps of the plan.
    pub fn choose(&self, key: &VirtualKey, head: &request::Parts, read: &Read) -> Result<usize, Rejection> {
        let draw = |end: u64| 12_345_678_901 % end.max(1);
        let now_ms = self.health.at(Instant::now());
        let live = Live {
            health: &self.health,
            affinity: &self.affinity,
            now_ms,
            draw: &draw,
            is_limited: &|_, _| false,
        };
        let looked = look(&self.snapshot, &Request::new(&read.0, key, head, 5_000_000, None));
        let ask = looked.ask(&self.snapshot, &read.0, &head.headers);
        resolve(&live, &self.snapshot, key, &ask).map(|plan| plan.steps.len())
    }

    /// Looks at the rules alone; gives whether one decides.
    pub fn look(&self, key: &VirtualKey, head: &request::Parts, read: &Read) -> bool {
        look(&self.snapshot, &Request::new(&read.0, key, head, 5_000_000, None)).rule.is_some()
    }
}
