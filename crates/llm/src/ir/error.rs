//! Errors as facts, in one vocabulary for every dialect and for the gateway itself.

/// What kind of thing went wrong, in one vocabulary for every dialect and for the gateway itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ErrorKind {
    InvalidRequest,
    Authentication,
    PermissionDenied,
    NotFound,
    PayloadTooLarge,
    PaymentRequired,
    RateLimited,
    Overloaded,
    Timeout,
    Server,
}

/// An error to be said to a client, or that an upstream said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorFacts {
    /// HTTP status (of the answer, or that it would have had when the error comes in mid-stream).
    pub status: u16,
    /// The class of the error.
    pub kind: ErrorKind,
    /// One sentence for the person who reads it.
    pub message: String,
    /// A machine-readable code, such as `model_not_found`.
    pub code: Option<String>,
    /// The request field at fault.
    pub param: Option<String>,
    /// Further facts (JSON object) that the dialect carries under `metadata` when it can.
    pub metadata: Option<serde_json::Value>,
    /// The id of the exchange, for dialects whose errors carry one.
    pub request_id: Option<String>,
}
