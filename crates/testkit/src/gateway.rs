//! The gateway as its users run it: the built program with a configuration file, on free ports, in a folder of its own.
//!
//! In: a configuration. Out: addresses, exit codes, the log. The process ends with the value; when the test fails, the
//! end of its log is shown.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::patience::eventually;
use crate::upstream::{SCENARIOS, Upstream};

/// The virtual key of [`standard_config`].
pub const KEY: &str = "sk-yu-test-0123456789abcdefghijklmnop";

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    setup: GatewayBuilder,
}

/// How to start a gateway.
#[derive(Debug, Clone)]
pub struct GatewayBuilder {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    files: Files,
}

/// What a run of the program gave.
#[derive(Debug, Clone)]
pub struct RunOutput {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

#[derive(Debug, Clone)]
struct Files {
    directory: Arc<TempDir>,
}

impl Files {
    fn new() -> Self {
        Self { directory: Arc::new(tempfile::tempdir().expect("a folder")) }
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("yumen.yaml")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl GatewayBuilder {
    /// A gateway with this configuration.
    pub fn new(config: &str) -> Self {
        let files = Files::new();
        std::fs::write(files.config(), config).expect("the configuration");
        let config = files.config().display().to_string();
        Self { arguments: vec!["--config".into(), config], environment: BTreeMap::new(), files }
    }

    /// A gateway without a configuration file.
    pub fn bare() -> Self {
        Self { arguments: Vec::new(), environment: BTreeMap::new(), files: Files::new() }
    }

    /// The same with one more argument of `serve`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The same with one more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The folder of its files, which exists already.
    pub fn folder(&self) -> &Path {
        self.files.directory.path()
    }

    /// Starts it and waits until it listens.
    pub async fn start(self) -> Gateway {
        let addresses = self.files.data().join("addresses.json");
        let _stale = std::fs::remove_file(&addresses);
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.files.log()).expect("a log");
        let mut child = program_command(&self.environment)
            .arg("serve")
            .args(&self.arguments)
            .arg("--data-dir")
            .arg(self.files.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("a gateway");
        let files = &self.files;
        let found = eventually("a listening gateway", async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the gateway ended ({status}):\n{}", tail(&files.log()));
            }
            read_addresses(&addresses)
        });
        let (address, admin) = found.await;
        Gateway { child, address, admin, setup: self }
    }
}

impl Gateway {
    /// Starts a gateway with this configuration.
    pub async fn start(config: &str) -> Self {
        GatewayBuilder::new(config).start().await
    }

    /// A gateway with [`standard_config`] in front of an upstream.
    pub async fn before(upstream: &Upstream) -> Self {
        Self::start(&standard_config(upstream)).await
    }

    /// Where the data plane listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL of the data plane.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// URL of the admin listener.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// A client of the data plane with the standard virtual key.
    pub fn client(&self) -> Client {
        Client::new(self.address).key(KEY)
    }

    /// The same as Anthropic's SDK sends its requests.
    pub fn anthropic_client(&self) -> Client {
        Client::new(self.address).header("x-api-key", KEY).header("anthropic-version", "2023-06-01")
    }

    /// A client of the data plane without a key.
    pub fn anonymous(&self) -> Client {
        Client::new(self.address)
    }

    /// A client of the admin listener.
    pub fn admin(&self) -> Client {
        Client::new(self.admin)
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.setup.files.config()
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.setup.files.data()
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.setup.files.log()).unwrap_or_default()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once (SIGKILL) and gives what starts it again on the same files.
    pub fn kill(self) -> GatewayBuilder {
        // The value's end is the process's.
        self.setup.clone()
    }

    /// Asks it to stop (SIGTERM); `exit_code` gives the code.
    pub fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().expect("kill");
        assert!(asked.success(), "SIGTERM could not be sent");
    }

    /// Waits until it has ended by itself.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let child = &mut self.child;
        eventually("the end of the gateway", async || child.try_wait().expect("its state")).await.code()
    }

    /// Asks it to stop and waits for its exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.ask_to_stop();
        self.exit_code().await
    }

    /// Runs another command of the program on the same data folder.
    pub async fn run(&self, arguments: &[&str]) -> RunOutput {
        let data = self.data_dir().display().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--data-dir", &data]).collect();
        run_program(&arguments).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            let _shown = writeln!(
                std::io::stderr(),
                "--- the gateway's log ---\n{}---",
                tail(&self.setup.files.log())
            );
        }
    }
}

/// Runs the program with these arguments to its end.
pub async fn run_program(arguments: &[&str]) -> RunOutput {
    let mut command = program_command(&BTreeMap::new());
    command.args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output =
        crate::patience::within("the program", output).await.expect("a thread").expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output in UTF-8");
    RunOutput {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// One provider for each dialect of chat (`fake-openai`, `fake-anthropic`, `fake-gemini`, `fake-responses`, `fake-ollama`,
/// `fake-bedrock`) on one upstream, each with every scenario as a model, and the key [`KEY`].
/// Time-outs are short for what must fail fast and long for everything else.
pub fn standard_config(upstream: &Upstream) -> String {
    let models: Vec<String> = SCENARIOS
        .iter()
        .map(|name| format!("{name}: {{ price: {{ input: \"1.5\", output: \"6\" }} }}"))
        .collect();
    let models = models.join(", ");
    // Amazon's ids say whose a model is. Asked for are they all by the same names.
    let amazons: Vec<String> = SCENARIOS
        .iter()
        .map(|name| {
            format!("anthropic.{name}: {{ canonical: fake-bedrock/{name}, price: {{ input: \"1.5\", output: \"6\" }} }}")
        })
        .collect();
    let amazons = amazons.join(", ");
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  fake-openai:
    type: openai-compatible
    base_url: \"{}\"
    credentials: [ {{ secret: upstream-openai-secret }} ]
    models: {{ {models} }}
  fake-anthropic:
    type: anthropic-compatible
    base_url: \"{}\"
    credentials: [ {{ secret: upstream-anthropic-secret }} ]
    models: {{ {models} }}
  fake-gemini:
    type: gemini
    base_url: \"{}\"
    credentials: [ {{ secret: upstream-gemini-secret }} ]
    models: {{ {models} }}
  fake-responses:
    type: openai-compatible
    base_url: \"{}\"
    dialects: {{ openai_responses: {{ path: /responses }} }}
    credentials: [ {{ secret: upstream-responses-secret }} ]
    models: {{ {models} }}
  fake-ollama:
    type: ollama
    discovery: off
    base_url: \"{}\"
    dialects: {{ ollama_chat: {{}}, ollama_generate: {{}}, ollama_embeddings: {{}} }}
    auth: {{ scheme: bearer }}
    credentials: [ {{ secret: upstream-ollama-secret }} ]
    models: {{ {models} }}
  fake-bedrock:
    type: bedrock
    base_url: \"{}\"
    parameters: {{ region: us-east-1 }}
    credentials: [ {{ secret: upstream-bedrock-secret, fields: {{ access_key_id: AKIDFAKE }} }} ]
    models: {{ {amazons} }}
keys:
  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}
",
        upstream.openai_base(),
        upstream.plain_base(),
        upstream.plain_base(),
        upstream.openai_base(),
        upstream.openai_base(),
        upstream.plain_base(),
    )
}

/// [`standard_config`] and one provider more for each dialect in which no client of ours asks: `fake-cohere`,
/// `fake-dashscope`, `fake-dify`, `fake-coze`, `fake-triton`, `fake-replicate` and `fake-deepl`. An app of Dify's is named by
/// its credential alone: here its name stands in the query, so that the upstream knows which one is asked.
pub fn wide_config(upstream: &Upstream) -> String {
    let base = upstream.plain_base();
    let models: Vec<String> = SCENARIOS
        .iter()
        .map(|name| format!("{name}: {{ price: {{ input: \"1.5\", output: \"6\" }} }}"))
        .collect();
    let models = models.join(", ");
    let mut providers = String::from("providers:\n");
    for (name, under, more) in [
        ("cohere", "", ""),
        ("dashscope", "/api/v1", ""),
        (
            "dify",
            "/v1",
            "dialects: { dify_chat: { path: \"/chat-messages?app={model}\", upload_path: /files/upload } }",
        ),
        ("coze", "", ""),
        ("triton", "", "auth: { scheme: bearer }"),
        ("replicate", "/v1", ""),
        ("deepl", "", ""),
    ] {
        let credentials = format!("credentials: [ {{ secret: upstream-{name}-secret }} ]");
        providers.push_str(&format!(
            "  fake-{name}:\n    type: {name}\n    base_url: \"{base}{under}\"\n    {credentials}\n    models: {{ {models} }}\n"
        ));
        if !more.is_empty() {
            providers.push_str(&format!("    {more}\n"));
        }
    }
    standard_config(upstream).replacen("providers:\n", &providers, 1)
}

/// The built program, beside the test's own executable.
pub fn yumen_program() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let program = profile.join("yumen");
    assert!(program.is_file(), "{} is missing: cargo build -p yumen", program.display());
    program
}

/// The folder of the workspace.
pub fn workspace_root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).expect("crates/testkit in a workspace").to_owned()
}

/// The program in an environment without anyone's credentials or proxies.
fn program_command(environment: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(yumen_program());
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("RUST_BACKTRACE", "1").envs(environment);
    command
}

fn read_addresses(file: &Path) -> Option<(SocketAddr, SocketAddr)> {
    let text = std::fs::read_to_string(file).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let address = |name: &str| value[name].as_str()?.parse().ok();
    Some((address("gateway")?, address("admin")?))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(60);
    lines[last..].iter().map(|line| format!("{line}\n")).collect()
}
