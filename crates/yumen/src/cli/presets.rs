//! The commands of `yumen presets`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum PresetsCommand {
    /// Make a new version of a preset, for which its name stands from now on.
    Set(Box<SetOptions>),
    /// List all presets of the store (those of the configuration file are not in it).
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a preset says.
    #[command(disable_version_flag = true)]
    Show {
        /// Its name.
        name: String,
        /// One of its versions; the one that its name stands for when not given.
        #[arg(long, value_name = "N")]
        version: Option<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a preset's name stand for another of its versions.
    #[command(disable_version_flag = true)]
    Use {
        /// Its name.
        name: String,
        /// The version.
        #[arg(long, value_name = "N")]
        version: u32,
    },
    /// Serve a preset no longer. Its versions stay known; `use` brings it back.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct SetOptions {
    /// Its name: letters, digits, `-`, `_`, `.` and `/`.
    pub name: String,
    #[command(flatten)]
    pub document: PresetOptions,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a preset says.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
#[allow(missing_docs)]
pub struct PresetOptions {
    /// A file (YAML or JSON) with what an entry of `presets` in the configuration is; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["models", "system", "temperature", "max_tokens", "reasoning_effort"])]
    pub file: Option<PathBuf>,
    /// A model that is asked. May be given several times; they are tried in this order.
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// What stands before the request's own system prompt.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// 0 to 2.
    #[arg(long, value_name = "NUMBER")]
    pub temperature: Option<String>,
    /// The most tokens of an answer.
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// How much the model is to think: none, minimal, low, medium, high or xhigh.
    #[arg(long, value_name = "EFFORT")]
    pub reasoning_effort: Option<String>,
}
