//! Fetches an image by a URL that a service gave us.
//!
//! The URL is a stranger's wish: it must not lead into the network of whoever runs this. So it
//! goes over HTTPS to public addresses only, every redirect is checked like the first URL, the
//! addresses that were checked are the ones connected to, and no key travels along. A service on
//! loopback, for tests and local models, may point anywhere.

use super::clocks::{Clock, Clocks};
use super::error::{End, Happened};
use super::http;
use super::image::IMAGE_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use reqwest::{Response, Url};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

/// How often a download may be sent elsewhere.
const REDIRECTS_MAX: usize = 3;
/// How long a download may take, redirects included.
const DOWNLOAD_MAX: Duration = Duration::from_mins(1);
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The bytes behind `url`, at most [`IMAGE_BYTES_MAX`].
pub(super) async fn fetch(url: &str, base_url: &str, clocks: &Clocks) -> Result<Bytes, Happened> {
    let anywhere = Url::parse(base_url).is_ok_and(|base| is_loopback(&base));
    let whole = timeout(DOWNLOAD_MAX, follow(url, anywhere));
    clocks.wait_total(whole).await?.map_err(|_| Happened::TimedOut(Clock::Total))?
}

/// Whether the URL names this machine. Names other than `localhost` are not looked up.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some(host) => host == "localhost" || literal(host).is_some_and(|ip| ip.is_loopback()),
        None => false,
    }
}

async fn follow(url: &str, anywhere: bool) -> Result<Bytes, Happened> {
    let mut url = Url::parse(url).map_err(|_| refused("its URL is not valid"))?;
    for _ in 0..=REDIRECTS_MAX {
        let addresses = check(&url, anywhere).await?;
        let host = url.host_str().unwrap_or_default();
        let client = http::pinned(CONNECT_MAX, host, &addresses)?;
        let response = client.get(url.clone()).send().await?;
        if !response.status().is_redirection() {
            return receive(response).await;
        }
        let target = response.headers().get("location").and_then(|value| value.to_str().ok());
        url = target
            .and_then(|target| url.join(target).ok())
            .ok_or_else(|| refused("a redirect leads nowhere"))?;
    }
    Err(refused("too many redirects"))
}

/// The addresses that this URL may be fetched from.
async fn check(url: &Url, anywhere: bool) -> Result<Vec<SocketAddr>, Happened> {
    let allowed = match url.scheme() {
        "https" => true,
        "http" => anywhere && is_loopback(url),
        _ => false,
    };
    if !allowed {
        return Err(refused("its URL is not https"));
    }
    let host = url.host_str().ok_or_else(|| refused("its URL names no host"))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match literal(host) {
        Some(ip) => vec![SocketAddr::new(ip, port)],
        None => tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| Happened::NotConnected(format!("{host}: {error}")))?
            .collect(),
    };
    if !anywhere && addresses.iter().any(|address| !is_public(address.ip())) {
        return Err(refused("its URL leads into a private network"));
    }
    Ok(addresses)
}

async fn receive(mut response: Response) -> Result<Bytes, Happened> {
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(refused(&format!("its URL answered HTTP {status}")));
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > IMAGE_BYTES_MAX {
            return Err(Happened::Ended(End::TooLong));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn refused(why: &str) -> Happened {
    Happened::Ended(End::NoImage(why.to_owned()))
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address is one of the open internet: not this machine, not a local network, not a
/// cloud's metadata service, not a range set aside.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let shared_by_carrier = a == 100 && (64..128).contains(&b);
            let protocol_or_benchmark =
                (a, b, c) == (192, 0, 0) || a == 198 && (18..20).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || shared_by_carrier
                || protocol_or_benchmark)
        }
        // Global unicast is 2000::/3, without the ranges that tunnel or document. IPv4 in the
        // guise of IPv6 lies outside it.
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let tunnel = first == 0x2002 || first == 0x2001 && second < 0x200;
            let documentation = first == 0x2001 && second == 0x0db8 || first == 0x3fff;
            first & 0xe000 == 0x2000 && !tunnel && !documentation
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for public in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "192.0.2.1",
            "192.0.0.8",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn a_url_is_refused_before_anything_is_sent() {
        let refuses = async |url: &str, anywhere: bool| {
            let checked = check(&Url::parse(url).unwrap(), anywhere).await;
            matches!(checked, Err(Happened::Ended(End::NoImage(_))))
        };
        for url in [
            "http://1.1.1.1/a.png",
            "https://127.0.0.1/a.png",
            "https://[::1]/a.png",
            "https://0x7f.1/a.png",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/a.png",
            "file:///etc/passwd",
            "ftp://1.1.1.1/a.png",
            "data:image/png;base64,AAAA",
        ] {
            assert!(refuses(url, false).await, "{url}");
        }
        assert!(!refuses("https://1.1.1.1/a.png", false).await);
        assert!(!refuses("http://127.0.0.1:1/a.png", true).await);
        assert!(refuses("http://1.1.1.1/a.png", true).await, "plain HTTP stays on this machine");
    }
}
