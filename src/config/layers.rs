//! Environment and file beneath the command line.
//!
//! What they say becomes the default of the flag of the same name, wherever a command has it. So
//! the command line goes before them by clap's own rules, and every value is read by one parser.

use super::environment::Environment;
use super::mistakes::{Mistake, did_you_mean};
use super::origin::Origin;
use super::values::MaxFails;
use crate::domain::cost::MicroUsd;
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;

/// What all our variables begin with.
pub(crate) const PREFIX: &str = "TABLEROUND_";
/// Ours, but no flag's.
const NO_FLAGS: [&str; 2] = ["TABLEROUND_FAILPOINT", "TABLEROUND_POISON"];

/// A value as it stands in the file; a variable's is always text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Whole(String),
    Number(String),
    Flag(bool),
    List(Vec<String>),
}

/// One setting of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// Defaults by key: the value as clap reads it, and who said it.
#[derive(Clone, Default)]
pub(crate) struct Layers(BTreeMap<String, (String, Origin)>);

impl fmt::Debug for Layers {
    /// Without values: an address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Layers {
    /// Lays the environment over the file. Everything that is wrong in either is reported.
    pub(crate) fn new(
        command: &Command,
        environment: &Environment,
        file: &[Setting],
    ) -> Result<Self, Vec<Mistake>> {
        let mut layers = BTreeMap::new();
        let mut mistakes = Vec::new();
        for setting in file.iter().cloned().chain(variables_set(command, environment)) {
            match checked(command, &setting) {
                Ok(text) => {
                    layers.insert(setting.key, (text, setting.origin));
                }
                Err(message) => mistakes.push(Mistake::new(setting.origin, message)),
            }
        }
        if mistakes.is_empty() { Ok(Self(layers)) } else { Err(mistakes) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&(String, Origin)> {
        self.0.get(key)
    }

    /// The command whose flags begin with what the layers say.
    pub(crate) fn beneath(&self, command: Command) -> Command {
        command
            .mut_args(|arg| match key(&arg).and_then(|key| self.0.get(&key)) {
                Some((text, _)) => arg.default_value(text.clone()).required(false),
                None => arg,
            })
            .mut_subcommands(|sub| self.beneath(sub))
    }
}

/// The key of a flag in the file: its long name with `_`. Positional arguments have none.
pub(crate) fn key(arg: &Arg) -> Option<String> {
    arg.get_long().filter(|long| !matches!(*long, "help" | "version")).map(|l| l.replace('-', "_"))
}

/// The variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

/// All flags of all commands, each key once, in the order of the help.
pub(crate) fn flags(command: &Command) -> Vec<(String, &Arg)> {
    let mut found: Vec<(String, &Arg)> = Vec::new();
    walk(command, &mut |arg| {
        if let Some(key) = key(arg).filter(|key| found.iter().all(|(known, _)| known != key)) {
            found.push((key, arg));
        }
    });
    found
}

/// The top-level keys of the file: every flag's but the one that names the file.
pub(crate) fn keys(command: &Command) -> Vec<String> {
    flags(command).into_iter().map(|(key, _)| key).filter(|key| key != "config").collect()
}

/// Adds to every flag's long help the variable that stands for it.
pub fn name_variables(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let Some(key) = key(&arg) else { return arg };
            let about = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
            arg.long_help(format!("{}\n[env: {}]", about.unwrap_or_default(), variable(&key)))
        })
        .mut_subcommands(name_variables)
}

/// Every variable that stands for a flag, with what the flag does.
pub fn variables(command: &Command) -> Vec<(String, String)> {
    let about = |arg: &Arg| arg.get_help().map(ToString::to_string).unwrap_or_default();
    flags(command).into_iter().map(|(key, arg)| (variable(&key), about(arg))).collect()
}

/// Variables that are spelt like ours and are none.
pub(crate) fn strange_variables(command: &Command, environment: &Environment) -> Vec<String> {
    let known: Vec<String> = flags(command).iter().map(|(key, _)| variable(key)).collect();
    environment
        .names(PREFIX)
        .filter(|name| !known.iter().any(|known| known == name) && !NO_FLAGS.contains(name))
        .map(|name| {
            let near = did_you_mean(name, known.iter().map(String::as_str));
            format!("the variable {name} means nothing here{near}")
        })
        .collect()
}

fn walk<'a>(command: &'a Command, see: &mut impl FnMut(&'a Arg)) {
    command.get_arguments().for_each(&mut *see);
    command.get_subcommands().for_each(|sub| walk(sub, see));
}

fn variables_set(command: &Command, environment: &Environment) -> Vec<Setting> {
    keys(command)
        .into_iter()
        .filter_map(|key| {
            let name = variable(&key);
            let value = Value::Text(environment.get(&name)?);
            Some(Setting { key, value, origin: Origin::Environment(name) })
        })
        .collect()
}

/// The value as clap will read it, if every flag of this key understands it.
fn checked(command: &Command, setting: &Setting) -> Result<String, String> {
    let mut result = Err(format!("unknown key `{}`", setting.key));
    let mut wrong = None;
    walk(command, &mut |arg| {
        if key(arg).as_deref() == Some(&setting.key) {
            result = read_as(arg, setting);
            wrong = wrong.take().or(result.clone().err());
        }
    });
    wrong.map_or(result, Err)
}

fn read_as(arg: &Arg, Setting { key, value, origin }: &Setting) -> Result<String, String> {
    let kind = Kind::of(arg);
    let text = match (value, kind) {
        (Value::Flag(flag), Kind::Flag) => flag.to_string(),
        (Value::Whole(text), Kind::Whole | Kind::Amount | Kind::Share)
        | (Value::Number(text), Kind::Amount)
        | (Value::Text(text), Kind::Text | Kind::List | Kind::Amount | Kind::Share) => text.clone(),
        (Value::List(texts), Kind::List) => texts.join(","),
        (Value::Text(text), Kind::Flag | Kind::Whole)
            if matches!(origin, Origin::Environment(_)) =>
        {
            text.clone()
        }
        _ => return Err(format!("`{key}` must be {}", kind.words())),
    };
    match kind {
        Kind::Flag => flag(&text).ok_or_else(|| format!("`{key}` must be {}", kind.words())),
        Kind::Text | Kind::Whole | Kind::Amount | Kind::Share | Kind::List => {
            probe(arg, &text).map(|()| text).map_err(|message| format!("`{key}`: {message}"))
        }
    }
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Amount,
    /// A number or `N%`.
    Share,
    List,
    Text,
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        let reads = |id: TypeId| arg.get_value_parser().type_id() == id;
        let whole =
            [TypeId::of::<u8>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
        match arg.get_action() {
            ArgAction::SetTrue => Self::Flag,
            ArgAction::Count => Self::Whole,
            _ if arg.get_value_delimiter().is_some() => Self::List,
            _ if reads(TypeId::of::<MicroUsd>()) => Self::Amount,
            _ if reads(TypeId::of::<MaxFails>()) => Self::Share,
            _ if whole.into_iter().any(reads) => Self::Whole,
            _ => Self::Text,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Whole => "a whole number",
            Self::Amount => "an amount in US dollars such as 12.50",
            Self::Share => "a whole number, or a text such as \"5%\"",
            Self::List => "a list of texts in quotes",
            Self::Text => "a text in quotes",
        }
    }
}

fn flag(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some("true".to_owned()),
        "0" | "false" | "no" | "off" => Some("false".to_owned()),
        _ => None,
    }
}

/// Lets the flag's own parser read the value, alone and without consequences.
fn probe(arg: &Arg, text: &str) -> Result<(), String> {
    let parser = match arg.get_action() {
        ArgAction::Count => ValueParser::from(clap::value_parser!(u8)),
        _ => arg.get_value_parser().clone(),
    };
    let mut alone = Arg::new("value").long("value").allow_hyphen_values(true).value_parser(parser);
    if let Some(delimiter) = arg.get_value_delimiter() {
        alone = alone.value_delimiter(delimiter);
    }
    Command::new("probe")
        .no_binary_name(true)
        .arg(alone)
        .try_get_matches_from(["--value", text])
        .map(drop)
        .map_err(|error| words(&error, text))
}

/// What clap has to say, without its frame.
fn words(error: &clap::Error, text: &str) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    if text.is_empty() {
        return "it must not be empty".to_owned();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => {
            let near = did_you_mean(text, values.iter().map(String::as_str));
            format!("`{text}` is not one of {}{near}", values.join(", "))
        }
        _ => format!("`{text}` cannot be read"),
    }
}

#[cfg(test)]
mod tests;
