//! Everything a command finds around it: places, keys, prices, the terminal.

use super::args::{Command, GlobalArgs};
use super::errors::CliError;
use super::exit::ExitCode;
use super::logs::{self, Logs};
use super::session::Home;
use crate::blobs::{self, Blobs};
use crate::config::{
    BlobsChoice, Config, Environment, LedgerChoice, Loaded, LogFormat, LogLevel, Logging, Places,
    Providers, Service,
};
use crate::domain::cost::MicroUsd;
use crate::journal::Spool;
use crate::ledger::{Ledger, Redis, Sqlite};
use crate::provider;
use crate::provider::clocks::Timeouts;
use crate::provider::presets;
use crate::provider::price::Prices;
use crate::provider::rehearsal::Rehearsal;
use crate::provider::services::Services;
use crate::redis_server::Server;
use crate::watch::{self, Kind, Look, Screen};
use crate::worker::LEASE;
use crate::worker::solo::Solo;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// What surrounds a command.
#[derive(Debug, Clone)]
pub struct Setting {
    pub places: Places,
    pub providers: Providers,
    pub keys: BTreeMap<String, SecretString>,
    pub prices: Arc<Prices>,
    pub confirm_above: MicroUsd,
    /// What pictures and images may fill in the queue's Redis.
    pub redis_bytes_max: u64,
    /// Whom to trust for `rediss://`, if not the system's authorities.
    redis_ca: Option<PathBuf>,
    /// Endpoint, region and credentials of an object store.
    object_store: BTreeMap<String, SecretString>,
    pub lease: Duration,
    pub json: bool,
    pub quiet: bool,
    /// stderr is a terminal and may be drawn on.
    pub progress: bool,
    look: Look,
    /// Colours on standard output.
    color_stdout: bool,
    /// These settings, for a process of our own.
    variables: Vec<(String, OsString)>,
    /// The log files of a command that works.
    logs: Option<Logs>,
    /// The one screen that bars, notices and log lines share.
    pub screen: Screen,
}

impl Setting {
    /// Out of the configuration. Also begins the log.
    pub fn new(
        loaded: &Loaded,
        environment: &Environment,
        command: &Option<Command>,
        global: &GlobalArgs,
    ) -> Result<Self, CliError> {
        let Config { places, logging, terminal, providers, prices } = loaded.config.clone();
        let screen = Screen::stderr();
        let files = works(command.as_ref())
            .then(|| Logs::new(&logs::folder_of(&places.data), logging.format));
        begin_log(logging, terminal.color, &screen, files.clone());
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let keys = key_variables(&providers)
            .into_iter()
            .filter_map(|name| Some((name.clone(), environment.secret(&name)?)))
            .collect();
        let limits = match command {
            Some(Command::Run(run)) => Some(&run.limits),
            Some(Command::Enqueue(enqueue)) => Some(&enqueue.limits),
            Some(_) | None => None,
        };
        Ok(Self {
            places,
            providers,
            keys,
            prices: Arc::new(Prices::new(prices)),
            confirm_above: limits.map_or(MicroUsd(0), |limits| limits.confirm_above_usd),
            redis_bytes_max: global.redis_bytes_max,
            redis_ca: global.redis_ca.clone(),
            object_store: environment.secrets("AWS_"),
            lease: LEASE,
            json: terminal.json,
            quiet: terminal.quiet,
            progress: terminal.progress,
            look: Look { color: terminal.color, utf8: is_utf8(environment) },
            color_stdout: terminal.color_stdout,
            variables: global.variables(),
            logs: files,
            screen,
        })
    }

    /// Opens ledger and blobs, which creates them, and says where they are.
    pub async fn home(&self) -> Result<Home, CliError> {
        self.say_ledger();
        self.open(Patience::None).await
    }

    /// The same for a worker, which waits for a server that is there and not ready.
    pub async fn home_when_ready(&self) -> Result<Home, CliError> {
        self.say_ledger();
        self.open(Patience::UntilReady).await
    }

    /// Opens what is there already, to write to it.
    pub async fn writing_home(&self) -> Result<Home, CliError> {
        self.say_ledger();
        self.existing_home().await
    }

    /// Opens what is there already; a reading command creates nothing.
    pub async fn existing_home(&self) -> Result<Home, CliError> {
        match &self.places.ledger {
            LedgerChoice::Embedded { path } if !path.exists() => {
                Err(CliError::no_ledger(&path.display().to_string()))
            }
            LedgerChoice::Embedded { .. } | LedgerChoice::Redis { .. } => {
                self.open(Patience::None).await
            }
        }
    }

    fn say_ledger(&self) {
        if !self.quiet {
            self.say(&self.places.ledger_line());
        }
    }

    async fn open(&self, patience: Patience) -> Result<Home, CliError> {
        let queue = &self.places.queue;
        let server = self.server()?;
        let blobs = self.blobs(server.as_ref())?;
        let ledger: Arc<dyn Ledger> = match (&self.places.ledger, &server) {
            (LedgerChoice::Redis { .. }, Some(server)) => {
                let redis = match patience {
                    Patience::None => Redis::open(server, queue).await?,
                    Patience::UntilReady => Redis::open_when_ready(server, queue).await?,
                };
                Arc::new(redis.with_blobs(blobs.clone()))
            }
            (LedgerChoice::Redis { .. }, None) => {
                return Err(CliError::internal("a ledger in Redis has no server"));
            }
            (LedgerChoice::Embedded { path }, _) => {
                Arc::new(Sqlite::open(path)?.with_blobs(blobs.clone()))
            }
        };
        let carrier = server.map(|server| (server, queue.clone()));
        if let Some(logs) = &self.logs {
            logs.begin();
        }
        let spool = Spool::at(self.places.data.join("spool"));
        Ok(Home { ledger, blobs, spool, carrier })
    }

    /// The Redis that was chosen for the ledger, if one was.
    pub fn server(&self) -> Result<Option<Server>, CliError> {
        let LedgerChoice::Redis { url } = &self.places.ledger else { return Ok(None) };
        let authority = self.redis_ca.as_ref().map(|path| {
            std::fs::read(path).map_err(|error| {
                CliError::config(format!("cannot read {}: {error}", path.display()))
                    .hint("--redis-ca names a PEM file with the authority's certificate")
            })
        });
        let server = Server::trusting(url.expose_secret(), authority.transpose()?);
        let server =
            server.map_err(|error| CliError::of("config.invalid", ExitCode::Usage, &error))?;
        Ok(Some(server))
    }

    /// Where pictures and images are, as they were chosen.
    pub fn blobs(&self, server: Option<&Server>) -> Result<Blobs, CliError> {
        match (&self.places.blobs, server) {
            (BlobsChoice::Dir(folder), _) => Ok(Blobs::dir(folder)),
            (BlobsChoice::Url(url), _) => match url.strip_prefix("file://") {
                Some(folder) => Ok(Blobs::dir(Path::new(folder))),
                None => Ok(Blobs::objects(url, &self.object_store(), blobs::PATIENCE)?),
            },
            (BlobsChoice::Redis, Some(server)) => {
                Ok(Blobs::redis(server.clone(), &self.places.queue, self.redis_bytes_max))
            }
            (BlobsChoice::Redis, None) => {
                Err(CliError::config("--blobs redis needs a ledger in Redis")
                    .hint("add --redis URL, or leave out --blobs"))
            }
        }
    }

    fn object_store(&self) -> Vec<(String, String)> {
        let told = |(name, value): (&String, &SecretString)| {
            (name.clone(), value.expose_secret().to_owned())
        };
        self.object_store.iter().map(told).collect()
    }

    /// How a suspect is run in a process of its own.
    pub fn solo(&self, exports: Option<&Path>, max_calls: usize) -> Result<Solo, CliError> {
        // On Linux this name stays right when the program's file is replaced by a newer one.
        let lasting = Path::new("/proc/self/exe");
        let program = if lasting.exists() {
            lasting.to_owned()
        } else {
            std::env::current_exe()
                .map_err(|error| CliError::internal(format!("where am I: {error}")))?
        };
        let mut arguments: Vec<OsString> = vec!["attempt".into()];
        arguments.extend(["--max-calls".into(), max_calls.to_string().into()]);
        match exports {
            Some(folder) => arguments.extend(["--output".into(), folder.as_os_str().to_owned()]),
            None => arguments.push("--no-export".into()),
        }
        Ok(Solo { program, arguments, variables: self.variables.clone() })
    }

    /// The services this process can ask; with its own rehearsal if the batch needs it.
    pub fn services(&self, rehearsal: Option<&Rehearsal>) -> Result<Services, CliError> {
        let timeouts = Timeouts::default();
        let http = provider::http::client(timeouts.connect)
            .map_err(|error| CliError::internal(format!("no HTTP client: {error}")))?;
        Ok(Services {
            http,
            keys: self.keys.clone(),
            rehearsal: rehearsal.map(Rehearsal::base_url),
            prices: Arc::clone(&self.prices),
            timeouts,
        })
    }

    /// A line on stderr for the person, never torn by bars.
    pub fn say(&self, line: &str) {
        // A terminal that went away is no reason to stop.
        self.screen.print(line).ok();
    }

    /// Asks a person; without a terminal the answer is no.
    pub fn confirmed(&self, question: &str) -> bool {
        if !self.progress || !std::io::stdin().is_terminal() {
            return false;
        }
        self.say(&format!("{question} [y/N]"));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("y")
    }

    /// How a batch at work is shown beside the work.
    pub fn view(&self) -> Box<dyn watch::View> {
        self.view_on(self.screen.clone(), self.progress)
    }

    /// What standard output can show.
    pub fn look_on_stdout(&self) -> Look {
        Look { color: self.color_stdout, ..self.look }
    }

    /// Whether standard output is a terminal that a screen may be drawn on.
    pub fn may_draw_on_stdout(&self) -> bool {
        // Where stderr leads elsewhere, nothing was said against what moves.
        let moves = self.progress || !std::io::stderr().is_terminal();
        std::io::stdout().is_terminal() && moves && !self.quiet
    }

    /// How `watch` shows it where it has no screen: the view is what was asked for.
    pub fn view_on_stdout(&self) -> Box<dyn watch::View> {
        self.view_on(Screen::stdout(), false)
    }

    fn view_on(&self, screen: Screen, moving: bool) -> Box<dyn watch::View> {
        watch::view(if self.quiet {
            Kind::Silent(screen)
        } else if moving {
            Kind::Bars(screen, self.look)
        } else {
            Kind::Lines(screen, self.look)
        })
    }
}

/// What is done about a server that is there and not ready.
#[derive(Debug, Clone, Copy)]
enum Patience {
    None,
    UntilReady,
}

/// A known service, as the configuration wants it.
pub fn preset(name: &str) -> Option<Service> {
    let preset = presets::preset(name)?;
    Some(Service {
        endpoint: preset.endpoint,
        vision_model: preset.vision_model.map(str::to_owned),
        chat_model: preset.chat_model.map(str::to_owned),
        image_model: preset.image_model.map(str::to_owned),
    })
}

/// Every variable that may hold a key: the known services' and the configured ones'.
pub fn key_variables(providers: &Providers) -> Vec<String> {
    let known = presets::names().map(str::to_owned);
    let configured = providers.names().map(str::to_owned);
    let mut names: Vec<String> = known
        .chain(configured)
        .filter_map(|name| providers.service(&name, &preset)?.endpoint.key_env)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Whether the terminal reads UTF-8, by the usual variables.
fn is_utf8(environment: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| environment.get(name))
        .find(|value| !value.is_empty());
    locale.is_some_and(|value| {
        let value = value.to_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// Whether a command changes what jobs there are or how far they are: those that only look on, or
/// steer, leave no trace in the logs.
fn works(command: Option<&Command>) -> bool {
    match command {
        Some(Command::Run(_) | Command::Enqueue(_) | Command::Worker(_) | Command::Attempt(_)) => {
            true
        }
        Some(_) | None => false,
    }
}

/// Log lines go to stderr, above whatever is drawn there, and those of our own to the files.
fn begin_log(logging: Logging, color: bool, screen: &Screen, logs: Option<Logs>) {
    let filter =
        EnvFilter::new(format!("{level},apalis=error,hyper=error", level = logging.level.as_str()));
    let stderr = fmt::layer().with_ansi(color).with_writer(screen.clone());
    let stderr = match logging.format {
        LogFormat::Text => stderr.boxed(),
        LogFormat::Json => stderr.json().boxed(),
    };
    // What was going on around a line is for the files.
    let stderr = stderr.with_filter(filter.and(filter_fn(is_line)));
    let own = Targets::new().with_target("tableround", level_of(logging.files));
    tracing_subscriber::registry().with(stderr).with(logs.map(|logs| logs.with_filter(own))).init();
}

fn is_line(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

fn level_of(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    }
}
