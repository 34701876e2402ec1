//! The one HTTP client of the process: shared connections, no hidden retries, no redirects.
//!
//! A request that costs money must leave the machine exactly as often as the journal says, so
//! everything that would send a second one on its own is turned off here.

use std::net::SocketAddr;
use std::time::Duration;

/// Shorter than servers keep an idle connection, so that none is closed under a request that is
/// just leaving: nobody could tell whether it was received, and it would be asked again.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How we introduce ourselves.
const USER_AGENT: &str = concat!("tableround/", env!("CARGO_PKG_VERSION"));

/// Builds the client; call it once and clone it.
///
/// Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`…), as reqwest reads them. On a
/// machine without any certificate authorities the client still speaks plain HTTP, which is all
/// that a rehearsal or a local model needs; HTTPS then fails when it is used.
pub fn client(connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    with_or_without_authorities(|| builder(connect))
}

/// A client that reaches `host` at these addresses and nowhere else, for a download whose
/// target was checked: a second look-up of the name could give another answer.
pub(super) fn pinned(
    connect: Duration,
    host: &str,
    addresses: &[SocketAddr],
) -> Result<reqwest::Client, reqwest::Error> {
    with_or_without_authorities(|| builder(connect).resolve_to_addrs(host, addresses))
}

fn with_or_without_authorities(
    builder: impl Fn() -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    // The process may have installed the same provider before us; both are ring.
    drop(rustls::crypto::ring::default_provider().install_default());
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}

fn builder(connect: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
}
