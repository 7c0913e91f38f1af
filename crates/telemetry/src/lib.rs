//! The vocabulary of facts: the exchange record, metric names and how they are shown.
//!
//! In: what the data plane saw. Out: records to the spool, one log line per exchange and text for Prometheus. This
//! crate never decides anything and knows none of our other crates.

mod healing;
mod health;
mod json;
mod log_line;
mod metrics;
mod objects;
mod observe;
mod record;
mod responses;
mod route;
mod shadow;
mod sink;
mod spread;

pub use healing::{HEAL_EDITS_MOST, HealEdit, HealRecord, HealStatus};
pub use health::{AllowanceReport, HealthReport, Left, ProbeReport, Uptime};
pub use log_line::JsonLog;
pub use metrics::{BuildInfo, CONTENT_TYPE, Metrics, MetricsObserver, ReadHealth, ReadShadows, Reading};
pub use objects::{Account, Doing, ObjectKind, ObjectOwners, OwnedObject};
pub use observe::RecordObserver;
pub use record::{AttemptRecord, ExchangeRecord, Outcome, TokenCounts, TokenSource, UnitCounts};
pub use responses::{Conversation, KeepLimits, Keeping, KeptResponse, NotKept, ResponseKeeper};
pub use route::{ConsideredRecord, RouteRecord};
pub use shadow::{AnswerFacts, ComparedRecord, ShadowCount, ShadowRecord};
pub use sink::{AppendError, GenerationLookup, LookupError, RecordSink, RecordWriter};
pub use spread::Spread;
