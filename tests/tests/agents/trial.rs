//! One program before the gateway: its page, a place to run in, what it said, and what became of it.
//!
//! In: a program's name and page. Out: a line of the outcome on standard output, past the test harness, which
//! `cargo xtask test --clients all` gathers: ran, not run (its calls were sent), FAILED, or missing, which is a failure too.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use yumen_testkit::{Gateway, Upstream, eventually, standard_config};
use yumen_tests::{PROVIDERS, Page, install, record_of};

/// What is in the file that programs with tools are sent for.
pub const SECRET_OF_THE_GATE: &str = "the gate opens at dawn";
/// What stands before each line of the outcome.
const OUTCOME: &str = "client program: ";
/// How long a program may take; a bound for what hangs, far above what any of them needs.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program with a gateway of its own.
pub struct Trial {
    program: &'static str,
    pub page: Page,
    upstream: Upstream,
    pub gateway: Gateway,
    /// Its home; the folder `work` in it is a fresh repository with the file `gate.txt`.
    home: TempDir,
}

impl Trial {
    /// A gateway and an empty home for the program of this page.
    pub async fn begin(program: &'static str, page: &str) -> Self {
        let upstream = Upstream::start().await;
        let gateway = Gateway::start(&standard_config(&upstream)).await;
        let homes = install::target("homes");
        std::fs::create_dir_all(&homes).unwrap();
        // Not below the system's folder for temporary files: some programs treat that one differently.
        let home = tempfile::tempdir_in(homes).unwrap();
        let trial =
            Self { program, page: Page::read(&format!("guides/agents/{page}")), upstream, gateway, home };
        std::fs::create_dir(trial.work()).unwrap();
        std::fs::write(trial.work().join("gate.txt"), format!("{SECRET_OF_THE_GATE}\n")).unwrap();
        let repository = Command::new("git").args(["init", "-q"]).arg(trial.work()).output();
        assert!(repository.is_ok_and(|made| made.status.success()), "git is missing: apt-get install git");
        trial
    }

    /// The model that does errands at this provider.
    pub fn model(provider: &str) -> String {
        format!("{provider}/fake-errand")
    }

    /// A folder in the program's home.
    pub fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Writes a file in the program's home: the page's block of this language.
    pub fn settle(&self, file: &str, language: &str, model: &str) {
        self.settle_with(file, language, model, "");
    }

    /// The same with something of the test's own at the end.
    pub fn settle_with(&self, file: &str, language: &str, model: &str, more: &str) {
        let file = self.home.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, self.block(language, model) + more).unwrap();
    }

    /// The page's blocks of this language, as one, for this model.
    pub fn block(&self, language: &str, model: &str) -> String {
        self.page.block(language, &self.gateway.url(), model)
    }

    /// The page's commands with another prompt, run by a shell that finds the programs in `folder`.
    pub async fn shell(&self, prompt: &str, model: &str, folder: &Path, extra: &[(&str, &str)]) -> String {
        let script = replaced(&self.block("sh", model), "\"What is it?\"", &format!("'{prompt}'"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).env("PATH", format!("{}:{path}", folder.display()));
        self.run(command.envs(extra.iter().copied())).await
    }

    /// What a program says, run in the folder `work` with nothing of our own environment but the way to programs.
    pub async fn run(&self, command: &mut Command) -> String {
        let variables: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        let mut bounded = tokio::process::Command::new(command.get_program());
        bounded.args(command.get_args()).env_clear().kill_on_drop(true).stdin(Stdio::null());
        bounded.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        bounded.env("HOME", self.home.path()).env("LANG", "C.UTF-8").env("NO_PROXY", "*");
        bounded.envs(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
        bounded.current_dir(command.get_current_dir().map_or_else(|| self.work(), Path::to_owned));
        let output = tokio::time::timeout(PATIENCE, bounded.output()).await;
        let output =
            output.unwrap_or_else(|_| panic!("{}: no end after {PATIENCE:?}", self.program)).unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} ended with {}:\n{said}\n{told}", self.program, output.status);
        // Shown when the test fails later.
        println!("--- {} said ---\n{said}\n--- and told ---\n{told}", self.program);
        said
    }

    /// Each exchange so far has its record, which names the model; nothing that the program asked for may have failed.
    pub async fn expect_records(&self, model: &str) {
        let seen = self.upstream.counts().received;
        let exchanges: Vec<Value> = eventually("a line of the log for each request", async || {
            let log = self.gateway.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let exchanges: Vec<Value> = lines.filter(|line| line["event"] == "exchange").collect();
            (exchanges.len() >= seen).then_some(exchanges)
        })
        .await;
        let failed = exchanges.iter().find(|exchange| exchange["outcome"] != "completed");
        assert!(failed.is_none(), "{}: {failed:?}", self.program);
        let mut asked = exchanges.iter().filter(|exchange| exchange["model"] == model).peekable();
        assert!(asked.peek().is_some(), "{}: no exchange with {model}", self.program);
        for exchange in asked {
            let record = record_of(&self.gateway.client(), exchange["id"].as_str().unwrap()).await;
            assert_eq!(record["model_requested"], model, "{record}");
            assert_eq!(record["provider_name"], model.split('/').next().unwrap(), "{record}");
            assert!(record["tokens_completion"].as_u64() > Some(0), "{record}");
        }
    }

    /// Says which version ran and what it did; the table of programs must say the same.
    pub fn ran(&self, version: &str, test: &str, what: &str) {
        let index = Page::read("guides/agents/README.md");
        let row = index.text().lines().find(|line| line.contains(&format!("| [{}]", self.program)));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/guides/agents/README.md", self.program));
        assert!(row.contains(&format!(" {version} ")) && row.contains(&format!("`{test}`")), "{row}");
        tell(self.program, "ran", format!("{version}: {what}; at {}", PROVIDERS.join(", ")));
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tell(self.program, "FAILED", "its test says why");
        }
    }
}

/// The folder of an installed set; without it the program is told as missing and its test ends here.
pub fn installed(program: &str, folder: &Result<PathBuf, String>) -> PathBuf {
    match folder {
        Ok(folder) => folder.clone(),
        Err(reason) => {
            let line = reason.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" / ");
            tell(program, "missing", line);
            panic!("{program} could not be installed: {reason}");
        }
    }
}

/// One line of the outcome, past the harness, which keeps what tests print.
pub fn tell(program: &str, state: &str, words: impl Display) {
    let _told = writeln!(std::io::stdout(), "{OUTCOME}{program}: {state}: {words}");
}

/// The text with a part replaced that must be there.
pub fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is not in\n{text}");
    text.replace(old, new)
}

/// The version of a package in Node's folder.
pub fn node_version(folder: &Path, package: &str) -> String {
    let file = folder.join("node_modules").join(package).join("package.json");
    let about: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    about["version"].as_str().unwrap().to_owned()
}

/// The version at which a set of Python's packages pins one.
pub fn python_version(set: &str, package: &str) -> String {
    let pins = std::fs::read_to_string(install::source(set).join("requirements.txt")).unwrap();
    let pin = pins.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    pin.unwrap_or_else(|| panic!("{package} is not pinned in {set}")).to_owned()
}
