//! Groups of flags that several commands have in common.
#![expect(clippy::doc_markdown, reason = "these comments are help texts, shown as they stand")]

use crate::blobs::CAP_BYTES;
use crate::config::values::{MaxFails, base_url, blobs, duration, queue, secret};
use crate::config::{ColorChoice, LogFormat, LogLevel, ServiceWish};
use crate::domain::cost::MicroUsd;
use crate::domain::job::Priority;
use crate::domain::spec::{Language, Order, ROUNDS_MAX};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Concurrent jobs at most. Beyond it a worker's memory, not its waiting, is what it is full of.
const CONCURRENCY_MAX: i64 = 4096;

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "PLACES")]
pub struct GlobalArgs {
    /// Where everything is kept: ledger, pictures, logs, exports
    #[arg(long, global = true, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Keep the ledger in Redis: redis://… or rediss://… (also REDIS_URL, or REDIS_HOST,
    /// REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD)
    #[arg(long, global = true, value_name = "URL", value_parser = secret)]
    pub redis: Option<SecretString>,
    /// Prefix of every Redis key, so that several queues live in one Redis
    #[arg(long, global = true, value_name = "NAME", default_value = "tableround", value_parser = queue)]
    pub queue: String,
    /// Where pictures live: dir, redis, or a URL such as file:///mnt/share or s3://bucket/prefix
    #[arg(long, global = true, value_name = "dir|redis|URL", value_parser = blobs)]
    pub blobs: Option<String>,
    /// Bytes that pictures and images may fill in Redis
    #[arg(long, global = true, value_name = "N", default_value_t = CAP_BYTES)]
    pub redis_bytes_max: u64,
    /// For rediss://, trust this authority (a PEM file) and not those of the system
    #[arg(long, global = true, value_name = "FILE")]
    pub redis_ca: Option<PathBuf>,

    /// The configuration file, instead of ./tableround.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "GLOBAL")]
    pub config: Option<PathBuf>,
    /// Answer as JSON: one object, or one a line
    #[arg(long, global = true, help_heading = "GLOBAL")]
    pub json: bool,
    /// Say only what was asked for
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "GLOBAL")]
    pub quiet: bool,
    /// Say more; twice: even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "GLOBAL")]
    pub verbose: u8,
    /// Colours; auto asks NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR and the terminal, in this order
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        value_enum,
        help_heading = "GLOBAL"
    )]
    pub color: ColorChoice,
    /// Plain lines instead of moving bars
    #[arg(long, global = true, help_heading = "GLOBAL")]
    pub no_progress: bool,
    /// The least important log lines to write; -v, -vv and -vvv lower it; the files in DATA/logs
    /// begin at info unless one is named
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "warn",
        value_enum,
        help_heading = "GLOBAL"
    )]
    pub log_level: LogLevel,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        value_enum,
        help_heading = "GLOBAL"
    )]
    pub log_format: LogFormat,
}

/// INPUT: which pictures.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "INPUT")]
pub struct InputArgs {
    /// Pictures: paths, quoted patterns such as 'photos/**/*.jpg', directories with --recursive,
    /// or - for a list on standard input
    #[arg(value_name = "IN", help_heading = "INPUT", display_order = 0)]
    pub inputs: Vec<PathBuf>,
    /// Look for pictures in directories and all below them
    #[arg(long, display_order = 1)]
    pub recursive: bool,
    /// A list of paths, one a line, with # comments; - is standard input
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// A list of paths, each ended by a NUL byte; - is standard input
    #[arg(long, value_name = "FILE")]
    pub files_from0: Option<PathBuf>,
    /// A table, .csv or .jsonl, with path and, as you like, topic, external_id, keywords and
    /// design_prompt; its paths are relative to it
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Do not copy pictures now: the worker reads them where they are
    #[arg(long)]
    pub by_path: bool,
}

/// SPEC: what is discussed, by whom and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "SPEC")]
pub struct SpecArgs {
    /// The question on the table; else the manifest's, else the job file's
    #[arg(long, value_name = "TEXT")]
    pub topic: Option<String>,
    /// The order of business: a file, a name in ./jobs, or glance, roundtable, workshop
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "roundtable")]
    pub job: String,
    /// The batch's name [default: YYYYMMDD-HHMMSS-xxxx]
    #[arg(long, value_name = "NAME", value_parser = crate::config::values::batch_name)]
    pub batch: Option<String>,
    /// The model service: a known name or a [providers.NAME] of the configuration file
    /// [default: openrouter; with --base-url: openai]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The service's address, where it is not the usual one
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// The model that looks at the pictures
    #[arg(long, value_name = "MODEL")]
    pub vision_model: Option<String>,
    /// The model that speaks for the seats
    #[arg(long, value_name = "MODEL")]
    pub chat_model: Option<String>,
    /// The model that paints the winning design, or none
    #[arg(long, value_name = "MODEL|none")]
    pub image_model: Option<String>,
    /// Ask no model: a rehearsal on this machine, free, and labelled as such
    #[arg(long)]
    pub rehearse: bool,
    /// The language of prompts and discussion [default: the job file's]
    #[arg(long, value_name = "LANG", value_parser = languages())]
    pub lang: Option<Language>,
    /// Rounds of discussion [default: the job file's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    pub rounds: Option<u32>,
    /// Whether a speaker hears those before it in the same round [default: the job file's]
    #[arg(long, value_name = "ORDER", value_parser = orders())]
    pub order: Option<Order>,
    /// The seed of every random choice, and of models that take one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Discuss again what was discussed before, instead of taking over its result
    #[arg(long)]
    pub again: bool,
}

/// LIMITS: how much.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "LIMITS")]
pub struct LimitArgs {
    /// Say what it would take (calls, tokens, money, time) and do nothing
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Take N pictures, evenly spread over all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,
    /// Take the first N pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Stop the batch after N dead jobs, or N per cent
    #[arg(long, value_name = "N|N%")]
    pub max_fails: Option<MaxFails>,
    /// Stop the batch before it costs more than this, in US dollars
    #[arg(long, value_name = "USD")]
    pub max_cost: Option<MicroUsd>,
    /// Ask before spending more than this, in US dollars
    #[arg(long, value_name = "USD", default_value = "5")]
    pub confirm_above_usd: MicroUsd,
    /// Which batches go first
    #[arg(long, value_name = "PRIORITY", default_value = "normal",
        value_parser = priorities())]
    pub priority: Priority,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// WORK: how many things at once.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "WORK")]
pub struct WorkArgs {
    /// Discussions at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=CONCURRENCY_MAX))]
    pub concurrency: u32,
    /// Calls in flight at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=CONCURRENCY_MAX))]
    pub max_calls: u32,
    /// Give up an attempt that gets no further for this long, and try it in a process of its own
    #[arg(long, value_name = "DUR", default_value = "30m", value_parser = duration)]
    pub deadline: Duration,
}

impl GlobalArgs {
    /// The same settings as variables, for a process of our own: an address may hold a password,
    /// which has no place on a command line.
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let Self { data, redis, queue, blobs, config, log_level, log_format, .. } = self;
        let Self { redis_bytes_max, redis_ca, .. } = self;
        fn named(value: &impl ValueEnum) -> Option<OsString> {
            value.to_possible_value().map(|value| value.get_name().into())
        }
        let all = [
            ("DATA", Some(data.clone().into_os_string())),
            ("REDIS", redis.as_ref().map(|url| url.expose_secret().into())),
            ("QUEUE", Some(queue.into())),
            ("BLOBS", blobs.as_ref().map(Into::into)),
            ("REDIS_BYTES_MAX", Some(redis_bytes_max.to_string().into())),
            ("REDIS_CA", redis_ca.clone().map(PathBuf::into_os_string)),
            ("CONFIG", config.clone().map(PathBuf::into_os_string)),
            ("LOG_LEVEL", named(log_level)),
            ("LOG_FORMAT", named(log_format)),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((format!("TABLEROUND_{name}"), value?)))
            .collect()
    }
}

impl SpecArgs {
    /// The model service these flags ask for.
    pub fn service(&self) -> ServiceWish<'_> {
        ServiceWish {
            provider: self.provider.as_deref(),
            base_url: self.base_url.as_deref(),
            vision_model: self.vision_model.as_deref(),
            chat_model: self.chat_model.as_deref(),
            image_model: self.image_model.as_deref(),
        }
    }
}

fn languages() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(["en", "zh"]).map(|text| match text.as_str() {
        "zh" => Language::Zh,
        _ => Language::En,
    })
}

fn orders() -> impl TypedValueParser<Value = Order> {
    PossibleValuesParser::new(["sequential", "parallel"]).map(|text| match text.as_str() {
        "parallel" => Order::Parallel,
        _ => Order::Sequential,
    })
}

fn priorities() -> impl TypedValueParser<Value = Priority> {
    PossibleValuesParser::new(["high", "normal"]).map(|text| match text.as_str() {
        "high" => Priority::High,
        _ => Priority::Normal,
    })
}
