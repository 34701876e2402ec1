//! A network between a program and a server that can be broken in the ways networks break.
//!
//! Bytes that meet silence are kept and travel on when it is over, as TCP does behind a link that
//! was down: what somebody has long given up may still arrive.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How bytes travel in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Fair,
    /// Nothing arrives.
    Silent,
    /// Every packet takes so long.
    Slow(Duration),
}

/// How bytes travel there and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Towards the server.
    pub(crate) there: Flow,
    /// Towards the program.
    pub(crate) back: Flow,
}

impl Weather {
    pub(crate) const FAIR: Self = Self { there: Flow::Fair, back: Flow::Fair };
    /// Cut both ways.
    pub(crate) const SILENT: Self = Self { there: Flow::Silent, back: Flow::Silent };
    /// The server hears, and is not heard.
    pub(crate) const DEAF: Self = Self { there: Flow::Fair, back: Flow::Silent };

    /// Both ways as slow.
    pub(crate) fn slow(packet: Duration) -> Self {
        Self { there: Flow::Slow(packet), back: Flow::Slow(packet) }
    }
}

/// A way to a server, at an address of its own; gone when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// How often all connections were reset.
    resets: watch::Sender<u32>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Proxy {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, resets) = (watch::channel(Weather::FAIR).0, watch::channel(0).0);
        let (sky, cuts) = (weather.subscribe(), resets.clone());
        runtime.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, server, sky.clone(), cuts.subscribe()));
            }
        });
        Self { address, weather, resets, runtime: Some(runtime) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on bytes travel like this.
    pub(crate) fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Resets every connection there is.
    pub(crate) fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection, until either side ends it or all are reset.
async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    mut sky: watch::Receiver<Weather>,
    mut resets: watch::Receiver<u32>,
) {
    let greeting = async {
        passes(&mut sky, |weather| weather.there).await;
        TcpStream::connect(server).await
    };
    let connected = tokio::select! {
        connected = greeting => connected,
        _ = resets.changed() => return client.set_zero_linger().unwrap_or_default(),
    };
    let Ok(mut server) = connected else { return };
    for stream in [&client, &server] {
        // A peer that has just left takes no option, and no bytes either.
        stream.set_nodelay(true).ok();
    }
    let is_reset = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let there = pump(from_client, to_server, sky.clone(), |weather| weather.there);
        let back = pump(from_server, to_client, sky, |weather| weather.back);
        tokio::select! {
            _ = async { tokio::join!(there, back) } => false,
            _ = resets.changed() => true,
        }
    };
    if is_reset {
        client.set_zero_linger().ok();
        server.set_zero_linger().ok();
    }
}

/// Carries the bytes of one direction until they end.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut sky: watch::Receiver<Weather>,
    direction: fn(&Weather) -> Flow,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passes(&mut sky, direction).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    // The other side learns of the end as late as it would of bytes.
    passes(&mut sky, direction).await;
    to.shutdown().await.ok();
}

/// Waits until a packet gets through.
async fn passes(sky: &mut watch::Receiver<Weather>, direction: fn(&Weather) -> Flow) {
    let is_through = |weather: &Weather| direction(weather) != Flow::Silent;
    let Ok(weather) = sky.wait_for(is_through).await.map(|weather| *weather) else { return };
    if let Flow::Slow(packet) = direction(&weather) {
        tokio::time::sleep(packet).await;
    }
}
