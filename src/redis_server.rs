//! A Redis server: where it is, and how this program talks to it.
//!
//! It knows no key and no rule. Ledger, tickets and blobs bring their own.

use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, Connection, IntoConnectionInfo, RedisError, TlsCertificates};
use std::collections::HashMap;
use std::time::Duration;

/// A server that does not take a connection by then is away.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// The longest that one answer may take: a step with a thousand jobs on a slow link.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A connection on which nothing is acknowledged for so long is broken, whatever TCP still hopes:
/// after a minute's partition its own next attempt may be another minute away.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// An idle connection is looked after so often: a listener never sends anything by itself.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Attempts at one reconnection, with growing jittered pauses. The command after a failed one
/// begins the next, so a process reconnects for as long as it has something to say.
const RECONNECTS: usize = 3;
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(100);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why a server cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error(
        "this is not the URL of a Redis server: write \
         redis://[[user]:password@]host[:port][/database], or rediss:// for TLS"
    )]
    Url(#[source] RedisError),
    #[error("an authority to trust (--redis-ca) is one or more certificates in PEM, for rediss://")]
    Authority(#[source] RedisError),
}

/// A server by its address. Nothing is connected before somebody asks.
#[derive(Debug, Clone)]
pub struct Server {
    client: Client,
    place: String,
}

impl Server {
    /// Reads `redis://` and `rediss://` URLs with user, password and database number.
    pub fn at(url: &str) -> Result<Self, UrlError> {
        Self::trusting(url, None)
    }

    /// The same; a server with TLS must be vouched for by this authority (certificates in PEM), or
    /// by one of the system's where none is given.
    pub fn trusting(url: &str, authority: Option<Vec<u8>>) -> Result<Self, UrlError> {
        // TLS needs a provider; the process may have installed the same one before us.
        drop(rustls::crypto::ring::default_provider().install_default());
        let address = url.into_connection_info().map_err(UrlError::Url)?.set_tcp_settings(tcp());
        let client = match authority {
            None => Client::open(address).map_err(UrlError::Url),
            Some(authority) => {
                let trusted = TlsCertificates { client_tls: None, root_cert: Some(authority) };
                Client::build_with_tls(address, trusted).map_err(UrlError::Authority)
            }
        }?;
        let scheme = url.split_once("://").map_or("redis", |(scheme, _)| scheme);
        let info = client.get_connection_info();
        let place = format!("{scheme}://{}/{}", info.addr(), info.redis_settings().db());
        Ok(Self { client, place })
    }

    /// The server and its database as a person knows them, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A connection that comes back by itself; its clones share it.
    pub async fn connect(&self) -> Result<ConnectionManager, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(ANSWER_MAX))
            .set_number_of_retries(RECONNECTS)
            .set_min_delay(RECONNECT_PAUSE_MIN)
            .set_max_delay(RECONNECT_PAUSE_MAX);
        self.client.get_connection_manager_with_config(config).await
    }

    /// A connection for a thread that may block.
    pub fn connect_blocking(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(CONNECT_MAX)?;
        connection.set_read_timeout(Some(ANSWER_MAX))?;
        connection.set_write_timeout(Some(ANSWER_MAX))?;
        Ok(connection)
    }

    /// A connection that listens to one channel; it ends when the server goes away.
    pub async fn listen(&self, channel: &str) -> Result<PubSub, RedisError> {
        let connecting = async {
            let mut listener = self.client.get_async_pubsub().await?;
            listener.subscribe(channel).await?;
            Ok(listener)
        };
        tokio::time::timeout(CONNECT_MAX, connecting).await.map_err(std::io::Error::from)?
    }
}

/// The facts in an answer to `INFO`, by name.
pub fn facts(info: &str) -> HashMap<&str, &str> {
    info.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

/// How a connection finds out that nobody is at its other end.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(SILENCE_MAX);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_the_server_and_never_the_password() {
        let check = |url: &str, place: &str| assert_eq!(Server::at(url).unwrap().place(), place);
        check("redis://h", "redis://h:6379/0");
        check("redis://:secret@h:7000/2", "redis://h:7000/2");
        check("rediss://ann:secret@h/1", "rediss://h:6379/1");
    }

    #[test]
    fn an_authority_is_certificates_and_only_for_tls() {
        for (url, pem) in [("redis://h", "x"), ("rediss://h", "-----BEGIN CERTIFICATE-----\nx\n")] {
            let error = Server::trusting(url, Some(pem.into())).unwrap_err();
            assert!(error.to_string().contains("--redis-ca"), "{url}: {error}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_told_how_to_write_one() {
        for wrong in ["", "h:6379", "http://h", "redis://h/notanumber"] {
            let error = Server::at(wrong).unwrap_err();
            assert!(error.to_string().contains("redis://"), "{wrong}: {error}");
        }
    }
}
