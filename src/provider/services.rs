//! The services a process can ask: endpoints, keys, prices, one HTTP client.

use super::Error;
use super::client::Client;
use super::clocks::Timeouts;
use super::price::Prices;
use crate::domain::call::Class;
use crate::domain::models::Endpoint;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The provider name of the built-in rehearsal.
pub const REHEARSAL: &str = "rehearsal";

/// Everything needed to ask any endpoint of a spec.
#[derive(Debug)]
pub struct Services {
    pub http: reqwest::Client,
    /// API keys by the name of their environment variable.
    pub keys: BTreeMap<String, SecretString>,
    /// Where this process's own rehearsal listens.
    pub rehearsal: Option<String>,
    /// What this machine knows of prices; those that travel with a batch go before them.
    pub prices: Arc<Prices>,
    pub timeouts: Timeouts,
}

impl Services {
    /// What a batch may ask of this process: `key:NAME` for every key it has.
    pub fn can_serve(&self) -> Vec<String> {
        self.keys.keys().map(|name| requirement(name)).collect()
    }

    /// A client for an endpoint that counts what is asked at these prices; an error of class
    /// `AuthRejected` where its key is missing.
    pub fn client(&self, endpoint: &Endpoint, prices: &Arc<Prices>) -> Result<Client, Error> {
        let mut endpoint = endpoint.clone();
        if endpoint.provider == REHEARSAL
            && let Some(url) = &self.rehearsal
        {
            endpoint.base_url.clone_from(url);
        }
        let key = match &endpoint.key_env {
            None => None,
            Some(name) => Some(self.keys.get(name).cloned().ok_or_else(|| missing(name))?),
        };
        Ok(Client::new(self.http.clone(), endpoint, key, self.timeouts, Arc::clone(prices)))
    }
}

/// What the names of needed keys begin with.
pub const KEY: &str = "key:";

/// The name under which a batch asks for a key.
pub fn requirement(key_env: &str) -> String {
    format!("{KEY}{key_env}")
}

fn missing(name: &str) -> Error {
    Error::new(Class::AuthRejected, format!("the key {name} is not set"))
}
