//! Why a file was not fetched.

/// Why a file was not fetched, in words that go on after "the file".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address cannot be read in one way only.
    #[error(
        "its address is not one of http or https with a host that is plainly written: a name in ASCII, or an IP address \
         in its usual form"
    )]
    Spelling,
    /// There is a user in the address.
    #[error("its address holds a user name or a password")]
    Credentials,
    /// A port that is not allowed.
    #[error("its address names port {0}, from which nothing is fetched")]
    Port(u16),
    /// An address that may not be reached, or a name without one: which of both is not told.
    #[error("its address is none that files may be fetched from")]
    Closed,
    /// A public address did not answer as a web server does.
    #[error("its server cannot be reached, or broke off")]
    Unreachable,
    /// The server's answer is not the file.
    #[error("its server answered with status {0}")]
    Status(u16),
    /// The redirects do not end.
    #[error("its address leads on more than {0} times")]
    Redirects(usize),
    /// The file is too large.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// All files together are too large.
    #[error("all files of the request together are larger than {0} bytes")]
    TooLargeTogether(usize),
    /// The files of all requests leave no room for it.
    #[error(
        "the files of other requests left no room for it within the time: the gateway holds {0} bytes of them at most"
    )]
    Crowded(usize),
    /// It took too long.
    #[error("it did not come within {0} ms")]
    Slow(u128),
    /// Its first bytes are those of something else.
    #[error("it is neither a picture nor a PDF document")]
    Kind,
    /// Too many files.
    #[error("a request may give the addresses of {0} files at most")]
    TooMany(usize),
}
