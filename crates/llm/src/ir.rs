//! The intermediate representation between dialects: one request, one answer, one stream of events.

/// A request of any operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {}

/// A whole answer of any operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {}

/// One step of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {}
