//! The command line: every command and option, with its help text.

mod keys;
mod presets;
mod simulate;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use crate::moments;
pub use keys::{Allows, Cleared, KeysCommand};
pub use presets::{PresetOptions, PresetsCommand, SetOptions};
pub use simulate::SimulateOptions;

/// One gateway to every model, tool and service.
#[derive(Debug, Parser)]
#[command(name = "yumen", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    /// Run the gateway.
    ///
    /// Without a configuration, providers are found by their usual environment variables (OPENAI_API_KEY,
    /// ANTHROPIC_API_KEY …). At the first start one virtual key is made and printed once.
    ///
    /// Standard output carries one line of JSON for each exchange and nothing else. Standard error carries the
    /// operational log and the greeting: the address, the first virtual key and a request to copy. The key's secret
    /// stands there only at the first start; with `log.format: json` the greeting is left out at all later ones.
    Serve(ServeOptions),
    /// Check a configuration: prints everything that is wrong, and exits with 1 when there is an error.
    Check {
        /// The configuration file.
        file: PathBuf,
        /// A folder of further provider folders.
        #[arg(long, value_name = "DIR", env = "YUMEN_PROVIDERS_DIR")]
        providers_dir: Option<PathBuf>,
        /// The data folder of the gateway, for its catalogue.
        #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "YUMEN_DATA_DIR")]
        data_dir: PathBuf,
    },
    /// Make, list, switch off and rotate virtual keys; a running server feels it within a second.
    Keys {
        #[command(flatten)]
        store: StoreOptions,
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Set, list, show, roll back and remove presets of the store; a running server feels it within a second.
    ///
    /// Each `set` makes a new version, and no version ever changes. Clients ask for `@preset/NAME`, or for `@preset/NAME@3`.
    Presets {
        #[command(flatten)]
        store: StoreOptions,
        #[command(subcommand)]
        command: PresetsCommand,
    },
    /// Show what was used: requests, tokens and cost.
    Usage(UsageOptions),
    /// Show how candidates compare with the aliases whose requests they were sent copies of: cost, time, length, JSON, tools.
    Shadow(ShadowOptions),
    /// List the models that can be asked for, with context and prices.
    ///
    /// The filters and orders are those of `GET /api/v1/models`, by the same names.
    Models(Box<ModelsOptions>),
    /// List all known providers, and which of them are configured.
    Providers {
        #[command(flatten)]
        settings: SettingsOptions,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show where a request would go: the deployments in the order in which they would be tried. Nothing is sent.
    ///
    /// The choice is that of a gateway that has served nothing yet. Ask a running one with the header `x-yumen-dry-run: 1`.
    Route(Box<RouteOptions>),
    /// Show how an exchange was routed: what was looked at, what was tried, and why.
    Explain(ExplainOptions),
    /// Show how the deployments and credentials of a running gateway do: breakers, success, speed.
    Status(StatusOptions),
    /// Replay recorded exchanges through another configuration: what it would have changed in cost, time, failures and shares.
    ///
    /// Each exchange goes through the choice of deployments again, in its own time, with the prices of the configuration and with
    /// the times and failures that records tell of each deployment. Nothing is sent. What no record holds is assumed, and the
    /// report says what and for how many exchanges.
    #[command(after_long_help = simulate::EXAMPLE)]
    Simulate(Box<SimulateOptions>),
    /// Take, show, export or put away a newer catalogue of models and prices; a running server feels it within a second.
    Catalogue {
        /// The data folder of the gateway.
        #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "YUMEN_DATA_DIR", global = true)]
        data_dir: PathBuf,
        #[command(subcommand)]
        command: CatalogueCommand,
    },
    /// Ask a running gateway something and print the answer as it comes.
    Chat(ChatOptions),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print a generated page of the reference.
    #[command(hide = true)]
    Reference {
        /// The page.
        page: Page,
    },
}

/// The default data folder.
pub const DATA_DIR: &str = "data";

#[derive(Debug, Clone, Args)]
#[allow(missing_docs)]
pub struct SettingsOptions {
    /// The configuration file; `yumen.yaml` in the current folder when it is there.
    #[arg(long, value_name = "FILE", env = "YUMEN_CONFIG")]
    pub config: Option<PathBuf>,
    /// A folder of further provider folders, each with a provider.toml.
    #[arg(long, value_name = "DIR", env = "YUMEN_PROVIDERS_DIR")]
    pub providers_dir: Option<PathBuf>,
    /// Add the built-in provider `demo`, whose models answer without any network.
    #[arg(long)]
    pub demo: bool,
    /// The data folder: the database, the record spool, the server's own key and the catalogue.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "YUMEN_DATA_DIR")]
    pub data_dir: PathBuf,
}

/// Where the store of a gateway is.
#[derive(Debug, Args)]
pub struct StoreOptions {
    /// The data folder of the gateway.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "YUMEN_DATA_DIR", global = true)]
    pub data_dir: PathBuf,
    /// The configuration file of the gateway, for its `store.url`; `yumen.yaml` in the current folder when it is there.
    #[arg(long, value_name = "FILE", env = "YUMEN_CONFIG", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ServeOptions {
    #[command(flatten)]
    pub settings: SettingsOptions,
    /// Listen here instead of where the configuration says, for example 0.0.0.0:8080.
    #[arg(long, value_name = "ADDRESS", env = "YUMEN_LISTEN")]
    pub listen: Option<String>,
    /// Threads that serve requests; one for each core when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct RouteOptions {
    /// The request's body, as a client would send it; `-` reads standard input.
    #[arg(value_name = "REQUEST.json")]
    pub request: PathBuf,
    #[command(flatten)]
    pub settings: SettingsOptions,
    /// Show which deployments are not tried, too, and why.
    #[arg(long)]
    pub explain: bool,
    /// Where the request would be sent.
    #[arg(long, value_name = "PATH", default_value = "/v1/chat/completions")]
    pub path: String,
    /// A header of the request, as `name: value`; may be given several times.
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
    /// The name of the virtual key that would send it.
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct StatusOptions {
    /// The data folder of the gateway, where it leaves its addresses.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "YUMEN_DATA_DIR")]
    pub data_dir: PathBuf,
    /// The gateway's control listener, for example 127.0.0.1:8081.
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
    /// Show it anew each second.
    #[arg(long)]
    pub watch: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ExplainOptions {
    /// The generation id, as the header `x-generation-id` of the answer says it.
    pub id: String,
    #[command(flatten)]
    pub store: StoreOptions,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum CatalogueCommand {
    /// Take a newer catalogue from a file, once it is approved.
    ///
    /// The file carries models, limits and prices, never addresses or credentials. Its digest and what it changes are
    /// shown first. Whoever says --sha256 has approved it elsewhere; else --yes, or an answer at the terminal, approves.
    Update(UpdateOptions),
    /// Show which catalogue is in use.
    Show,
    /// Write the catalogue in use as a file that `update` takes, here or elsewhere.
    Export {
        /// Where to; standard output when not given.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Use the built-in catalogue again.
    Reset,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct UpdateOptions {
    /// The file.
    pub file: PathBuf,
    /// The digest that the file must have; then nobody is asked.
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Approve it without being asked.
    #[arg(long)]
    pub yes: bool,
    /// Only show what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Show each change with the old and the new value.
    #[arg(long)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ModelsOptions {
    /// Show only models whose name contains this.
    pub filter: Option<String>,
    #[command(flatten)]
    pub settings: SettingsOptions,
    #[command(flatten)]
    pub query: ModelsQuery,
    /// Do not ask self-hosted servers which models they have.
    #[arg(long)]
    pub no_discovery: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Each field is one parameter of the list's query, by its name with hyphens.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct ModelsQuery {
    /// Only models that take all of these parameters, such as tools,reasoning.
    #[arg(long, value_name = "LIST")]
    pub supported_parameters: Option<String>,
    /// Only models that read all of these: text, image, audio, file, video.
    #[arg(long, value_name = "LIST")]
    pub input_modalities: Option<String>,
    /// Only models that give one of these: text, image, audio, video, embeddings.
    #[arg(long, value_name = "LIST")]
    pub output_modalities: Option<String>,
    /// Only models with a window of at least so many tokens.
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<String>,
    /// Only models whose prompt costs at least this, in dollars per million tokens.
    #[arg(long, value_name = "USD")]
    pub min_price: Option<String>,
    /// Only models whose prompt costs at most this, in dollars per million tokens.
    #[arg(long, value_name = "USD")]
    pub max_price: Option<String>,
    /// Only models whose answer costs at least this, in dollars per million tokens.
    #[arg(long, value_name = "USD")]
    pub min_output_price: Option<String>,
    /// Only models whose answer costs at most this, in dollars per million tokens.
    #[arg(long, value_name = "USD")]
    pub max_output_price: Option<String>,
    /// Only models whose snapshot is at least so old.
    #[arg(long, value_name = "DAYS")]
    pub min_age_days: Option<String>,
    /// Only models whose snapshot is at most so old.
    #[arg(long, value_name = "DAYS")]
    pub max_age_days: Option<String>,
    /// Only models of a family, such as GPT, Claude or Llama.
    #[arg(long, value_name = "FAMILY")]
    pub arch: Option<String>,
    /// Only models of these authors.
    #[arg(long, value_name = "LIST")]
    pub model_authors: Option<String>,
    /// Only models that one of these providers serves.
    #[arg(long, value_name = "LIST")]
    pub providers: Option<String>,
    /// Only models whose answers may (true) train another model, or all others (false).
    #[arg(long, value_name = "BOOLEAN")]
    pub distillable: Option<String>,
    /// Only models with a deployment whose provider keeps nothing (true).
    #[arg(long, value_name = "BOOLEAN")]
    pub zdr: Option<String>,
    /// The order: newest, pricing-low-to-high, pricing-high-to-low or context-high-to-low; by name when not given.
    #[arg(long, value_name = "ORDER")]
    pub sort: Option<String>,
    /// Models to pass over.
    #[arg(long, value_name = "N")]
    pub offset: Option<String>,
    /// Most models to show, up to 1000.
    #[arg(long, value_name = "N")]
    pub limit: Option<String>,
}

impl ModelsQuery {
    /// The parameters that were given, by the names of the list's query.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("supported_parameters", &self.supported_parameters),
            ("input_modalities", &self.input_modalities),
            ("output_modalities", &self.output_modalities),
            ("context", &self.context),
            ("min_price", &self.min_price),
            ("max_price", &self.max_price),
            ("min_output_price", &self.min_output_price),
            ("max_output_price", &self.max_output_price),
            ("min_age_days", &self.min_age_days),
            ("max_age_days", &self.max_age_days),
            ("arch", &self.arch),
            ("model_authors", &self.model_authors),
            ("providers", &self.providers),
            ("distillable", &self.distillable),
            ("zdr", &self.zdr),
            ("sort", &self.sort),
            ("offset", &self.offset),
            ("limit", &self.limit),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct UsageOptions {
    #[command(flatten)]
    pub store: StoreOptions,
    /// One row for each model, key or provider.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<UsageGroup>,
    /// How far back: 24h, 7d, 30m; everything when not given.
    #[arg(long, value_name = "DURATION", value_parser = moments::duration)]
    pub since: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ShadowOptions {
    /// The alias; all when not given.
    pub alias: Option<String>,
    #[command(flatten)]
    pub store: StoreOptions,
    /// How far back: 24h, 7d, 30m; everything when not given.
    #[arg(long, value_name = "DURATION", value_parser = moments::duration)]
    pub since: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs)]
pub enum UsageGroup {
    Model,
    Key,
    Provider,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ChatOptions {
    /// The model to ask, for example demo/echo.
    pub model: String,
    /// What to say.
    pub text: String,
    /// The gateway.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "YUMEN_URL")]
    pub url: String,
    /// The virtual key.
    #[arg(long, value_name = "SECRET", env = "YUMEN_KEY", hide_env_values = true)]
    pub key: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs)]
pub enum Page {
    Configuration,
    Errors,
    Failures,
    Cli,
}

/// Prints to standard output; a reader that has gone away (a closed pipe) is not an error.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints an error to standard error.
pub fn complain(text: &str) {
    remark(&format!("error: {text}"));
}

/// Prints what is no result to standard error.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An empty table in the house's look.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}
