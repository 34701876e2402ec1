//! From a service's name to an address, a key and models.

use super::environment::Environment;
use super::mistakes::did_you_mean;
use super::origin::Origin;
use crate::domain::models::{Endpoint, ImageApi, Structured};
use secrecy::SecretString;
use std::collections::BTreeMap;
use url::{Host, Url};

/// The service when nobody named one.
const USUAL: &str = "openrouter";
/// The service when only an address was named: what speaks the common language.
const COMMON: &str = "openai";

/// `[providers.NAME]`, as far as it says something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub base_url: Option<String>,
    pub key_env: Option<String>,
    pub structured: Option<Structured>,
    pub image_api: Option<ImageApi>,
    pub completion_tokens_field: Option<bool>,
    pub vision_model: Option<String>,
    pub chat_model: Option<String>,
    pub image_model: Option<String>,
}

/// A service and the models to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub endpoint: Endpoint,
    pub vision_model: Option<String>,
    pub chat_model: Option<String>,
    pub image_model: Option<String>,
}

/// What the command line asks for; `none` as image model means none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceWish<'a> {
    pub provider: Option<&'a str>,
    pub base_url: Option<&'a str>,
    pub vision_model: Option<&'a str>,
    pub chat_model: Option<&'a str>,
    pub image_model: Option<&'a str>,
}

/// A service ready to be asked.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    pub endpoint: Endpoint,
    /// None where no key is needed.
    pub key: Option<SecretString>,
    pub vision_model: String,
    pub chat_model: String,
    /// None: no images are made.
    pub image_model: Option<String>,
}

/// Why a service cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    #[error("there is no model service `{name}`{near}")]
    Unknown { name: String, near: String },
    #[error("the model service `{name}` has no address")]
    NoAddress { name: String },
    #[error("the model service `{name}` has no usual model")]
    NoModel { name: String },
    #[error("the model service `{name}` needs a key, and {variable} is not set")]
    KeyMissing { name: String, variable: String },
}

impl ServiceError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { .. } => "name one with --provider, or describe yours in \
                                     [providers.NAME] of tableround.toml"
                .to_owned(),
            Self::NoAddress { name } => {
                format!("give --base-url URL, or base_url in [providers.{name}]")
            }
            Self::NoModel { name } => format!(
                "give --vision-model M (and --chat-model M, if it is another), or both in \
                 [providers.{name}]"
            ),
            Self::KeyMissing { variable, .. } => format!(
                "set {variable} in the environment or in .env, or try it without a key and \
                 without cost: --rehearse"
            ),
        }
    }
}

/// The services known without a configuration file, by name.
pub type Preset<'a> = &'a dyn Fn(&str) -> Option<Service>;

/// What the configuration file says about services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Providers {
    pub(crate) entries: BTreeMap<String, (Entry, Origin)>,
}

impl Providers {
    /// The names in the file, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The service called `name`: the preset of this name, changed by the file's entry, or the
    /// entry alone. None: nobody knows it.
    pub fn service(&self, name: &str, preset: Preset<'_>) -> Option<Service> {
        let entry = self.entries.get(name).map(|(entry, _)| entry);
        if preset(name).is_none() && entry.is_none() {
            return None;
        }
        let service = preset(name).unwrap_or_else(|| Service::bare(name));
        Some(entry.map_or_else(|| service.clone(), |entry| service.clone().changed(entry)))
    }

    /// The service that was asked for, with its key and models. `known` are the presets' names.
    ///
    /// # Errors
    /// Everything that would make a call fail before it is made.
    pub fn resolve(
        &self,
        wish: &ServiceWish<'_>,
        environment: &Environment,
        preset: Preset<'_>,
        known: &[&str],
    ) -> Result<ProviderSettings, ServiceError> {
        let name = wish.provider.unwrap_or(match wish.base_url {
            Some(_) => COMMON,
            None => USUAL,
        });
        let service = self.service(name, preset).ok_or_else(|| ServiceError::Unknown {
            name: name.to_owned(),
            near: did_you_mean(name, known.iter().copied().chain(self.names())),
        })?;
        let service = match wish.base_url {
            Some(base_url) => service.at(base_url),
            None => service,
        };
        service.ready(wish, environment)
    }
}

impl Service {
    fn bare(name: &str) -> Self {
        Self {
            endpoint: Endpoint {
                provider: name.to_owned(),
                base_url: String::new(),
                key_env: None,
                structured: Structured::default(),
                image_api: ImageApi::default(),
                completion_tokens_field: false,
            },
            vision_model: None,
            chat_model: None,
            image_model: None,
        }
    }

    fn changed(self, entry: &Entry) -> Self {
        let service = match &entry.base_url {
            Some(base_url) => self.at(base_url),
            None => self,
        };
        let before = service.endpoint;
        Self {
            endpoint: Endpoint {
                key_env: entry.key_env.clone().or(before.key_env),
                structured: entry.structured.unwrap_or(before.structured),
                image_api: entry.image_api.unwrap_or(before.image_api),
                completion_tokens_field: entry
                    .completion_tokens_field
                    .unwrap_or(before.completion_tokens_field),
                ..before
            },
            vision_model: entry.vision_model.clone().or(service.vision_model),
            chat_model: entry.chat_model.clone().or(service.chat_model),
            image_model: entry.image_model.clone().or(service.image_model),
        }
    }

    /// The same service elsewhere. On this machine no key is needed, and the token limit goes by
    /// the name that local servers know.
    fn at(mut self, base_url: &str) -> Self {
        base_url.trim_end_matches('/').clone_into(&mut self.endpoint.base_url);
        if is_loopback(base_url) {
            self.endpoint.key_env = None;
            self.endpoint.completion_tokens_field = false;
        }
        self
    }

    fn ready(
        self,
        wish: &ServiceWish<'_>,
        environment: &Environment,
    ) -> Result<ProviderSettings, ServiceError> {
        let name = || self.endpoint.provider.clone();
        if self.endpoint.base_url.is_empty() {
            return Err(ServiceError::NoAddress { name: name() });
        }
        // A server with one model is common: the one named serves for both.
        let asked = wish.vision_model.or(wish.chat_model);
        let asked_chat =
            wish.chat_model.or(wish.vision_model.filter(|_| self.chat_model.is_none()));
        let usual = self.vision_model.as_ref().or(self.chat_model.as_ref());
        let usual_chat = self.chat_model.as_ref().or(self.vision_model.as_ref());
        let vision = match (wish.vision_model, &self.vision_model) {
            (Some(model), _) => Some(model.to_owned()),
            (None, Some(model)) => Some(model.clone()),
            (None, None) => asked.map(str::to_owned).or_else(|| usual.cloned()),
        };
        let chat = asked_chat.map(str::to_owned).or_else(|| usual_chat.cloned());
        let (Some(vision_model), Some(chat_model)) = (vision, chat) else {
            return Err(ServiceError::NoModel { name: name() });
        };
        let image_model = match wish.image_model {
            Some(model) => Some(model.to_owned()),
            None => self.image_model.clone(),
        };
        let key = match &self.endpoint.key_env {
            None => None,
            Some(variable) => {
                let key = environment.secret(variable);
                let missing =
                    || ServiceError::KeyMissing { name: name(), variable: variable.clone() };
                Some(key.ok_or_else(missing)?)
            }
        };
        Ok(ProviderSettings {
            key,
            vision_model,
            chat_model,
            image_model: image_model.filter(|model| model != "none"),
            endpoint: self.endpoint,
        })
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
