//! `config show`: every setting, its value, and where it comes from.

use super::Loaded;
use super::environment::Environment;
use super::layers;
use super::origin::Origin;
use super::places::LedgerChoice;
use clap::{Arg, ArgAction, ArgMatches};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    /// Empty: not set. Secrets are `***`.
    pub value: String,
    pub origin: Origin,
}

/// Every setting in the order of the help, then what is read from the environment and the file
/// alone. `variables` are the variables that may hold keys; those that are set are listed.
pub fn show(loaded: &Loaded, environment: &Environment, variables: &[&str]) -> Vec<Row> {
    let mut rows: Vec<Row> = layers::flags(&loaded.command_line.command)
        .into_iter()
        .filter(|(key, _)| key != "redis")
        .map(|(key, arg)| flag_row(loaded, key, arg))
        .collect();
    rows.insert(0, ledger_row(loaded));
    rows.extend(provider_rows(loaded));
    rows.extend(price_rows(loaded));
    rows.extend(secret_rows(environment, variables));
    rows
}

fn flag_row(loaded: &Loaded, key: String, arg: &Arg) -> Row {
    let origin = loaded.origin(&key);
    if matches!(origin, Origin::Flag(_)) {
        return Row { value: typed_value(loaded.command_line.leaf(), arg), key, origin };
    }
    if let Some((value, _)) = loaded.command_line.layers.get(&key) {
        return Row { value: value.clone(), key, origin };
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
    let value = match arg.get_action() {
        ArgAction::SetTrue => "false".to_owned(),
        ArgAction::Count => "0".to_owned(),
        _ => defaults.join(","),
    };
    Row { key, value, origin }
}

fn typed_value(matches: &ArgMatches, arg: &Arg) -> String {
    let id = arg.get_id().as_str();
    match arg.get_action() {
        ArgAction::SetTrue => "true".to_owned(),
        ArgAction::Count => matches.get_count(id).to_string(),
        _ => matches
            .get_raw(id)
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(","),
    }
}

fn ledger_row(loaded: &Loaded) -> Row {
    let places = &loaded.config.places;
    let key = match places.ledger {
        LedgerChoice::Embedded { .. } => "ledger",
        LedgerChoice::Redis { .. } => "redis",
    };
    Row {
        key: key.to_owned(),
        value: places.ledger.to_string(),
        origin: places.ledger_origin.clone(),
    }
}

fn provider_rows(loaded: &Loaded) -> impl Iterator<Item = Row> {
    loaded.config.providers.entries.iter().map(|(name, (entry, origin))| {
        let said = [
            entry.base_url.as_deref(),
            entry.vision_model.as_deref(),
            entry.chat_model.as_deref(),
            entry.image_model.as_deref(),
        ];
        let value = said.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Row { key: format!("providers.{name}"), value, origin: origin.clone() }
    })
}

fn price_rows(loaded: &Loaded) -> impl Iterator<Item = Row> {
    loaded.prices.iter().map(|(model, (price, origin))| {
        let cached = price.cached.map(|p| format!(", cached {p}")).unwrap_or_default();
        let image =
            if price.image > 0.0 { format!(", image {}", price.image) } else { String::new() };
        let value = format!("input {}{cached}, output {}{image}", price.input, price.output);
        Row { key: format!("prices.\"{model}\""), value, origin: origin.clone() }
    })
}

fn secret_rows(environment: &Environment, variables: &[&str]) -> Vec<Row> {
    variables
        .iter()
        .filter(|name| environment.get(name).is_some())
        .map(|&name| Row {
            key: name.to_owned(),
            value: "***".to_owned(),
            origin: Origin::Environment(name.to_owned()),
        })
        .collect()
}
