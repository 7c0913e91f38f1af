//! The commands of `yumen keys`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::moments;

#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum KeysCommand {
    /// Make a virtual key; its secret is printed once and cannot be shown again.
    Create(Box<CreateOptions>),
    /// List all virtual keys of the store (those of the configuration file are not in it).
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change what a key allows: what is given takes the place of what was, all else stays.
    Update(Box<UpdateOptions>),
    /// Switch a key off.
    Disable {
        /// Its id or name.
        key: String,
    },
    /// Switch a key on again.
    Enable {
        /// Its id or name.
        key: String,
    },
    /// Give a key a new secret; the old one is good for the grace period.
    Rotate {
        /// Its id or name.
        key: String,
        /// How long the old secret stays good (10m, 24h); not at all when not given.
        #[arg(long, value_name = "DURATION", value_parser = moments::duration)]
        grace: Option<Duration>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CreateOptions {
    /// What people call it.
    pub name: String,
    #[command(flatten)]
    pub allows: Allows,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct UpdateOptions {
    /// Its id or name.
    pub key: String,
    /// What people are to call it from now on.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub allows: Allows,
    /// What is to be as if it had never been given. May be given several times.
    #[arg(long, value_name = "WHAT", value_enum)]
    pub clear: Vec<Cleared>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What can be taken back from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Cleared {
    Models,
    Access,
    Expires,
    RequestsPerMinute,
    Concurrency,
    Routing,
    Tags,
    Team,
    HealJson,
}

/// What a key allows, and how it is served.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct Allows {
    /// A model it may use; `*` stands for anything. May be given several times; all models where none is given.
    #[arg(long = "model", value_name = "PATTERN")]
    pub models: Vec<String>,
    /// What it may do beyond asking models: files, providers/NAME, providers/* or *. May be given several times; nothing
    /// when not given.
    #[arg(long, value_name = "WHAT", value_parser = access)]
    pub access: Vec<String>,
    /// When it expires: a time (2027-01-31T00:00:00Z) or how long it lasts (30d, 12h).
    #[arg(long, value_name = "WHEN", value_parser = moments::expiry)]
    pub expires: Option<i64>,
    /// Requests per minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_minute: Option<u32>,
    /// Exchanges at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    /// How deployments are chosen for it: what `routing` of the configuration is, in a file (YAML or JSON) or in place, as in
    /// '{"zdr": true}'.
    #[arg(long, value_name = "FILE|JSON")]
    pub routing: Option<String>,
    /// A word that rules can read. May be given several times.
    #[arg(long = "tag", value_name = "WORD")]
    pub tags: Vec<String>,
    /// The team that it belongs to, for rules to read.
    #[arg(long, value_name = "NAME")]
    pub team: Option<String>,
    /// Whether broken JSON is repaired in answers to it; as the alias or the gateway says when not given.
    #[arg(long, value_name = "BOOLEAN")]
    pub heal_json: Option<bool>,
}

/// A word of `--access`.
fn access(word: &str) -> Result<String, yumen_config::AccessFault> {
    yumen_config::access_word(word).map(|_| word.to_owned())
}
