//! Streams of the operating system: TCP, over whichever address of a host answers first, and Unix sockets.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use crate::classify::UnknownHost;
use crate::connect::{Connect, Connecting, Io, Target};

/// How long one address may be silent before the next is tried besides it (RFC 8305 recommends this value).
const HEAD_START: Duration = Duration::from_millis(250);

/// When an unused TCP connection asks whether the other side is still there, and how often it asks again. Keeps the
/// state of firewalls alive while a model is being loaded.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects by the operating system.
#[derive(Debug)]
pub(crate) struct SystemConnector;

impl Connect for SystemConnector {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            match target {
                Target::Tcp { host, port } => {
                    let stream = race(addresses(host, *port).await?).await?;
                    Ok(Box::new(stream) as Box<dyn Io>)
                }
                Target::Unix(path) => unix(path).await,
            }
        })
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Box<dyn Io>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Box<dyn Io>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no Unix sockets",
    ))
}

/// The addresses of a host, families taking turns so that a broken one costs little.
async fn addresses(host: &str, port: u16) -> io::Result<VecDeque<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok([SocketAddr::new(ip, port)].into());
    }
    if host == "localhost" {
        // Known without asking (RFC 6761), and hosts files name only one of them often enough. IPv4 comes first
        // because that is where local servers listen by default.
        let both = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ];
        return Ok(both.map(|ip| SocketAddr::new(ip, port)).into());
    }
    let unknown = |cause| UnknownHost {
        host: host.to_owned(),
        cause,
    };
    let found: Vec<_> = lookup_host((host, port))
        .await
        .map_err(|cause| unknown(Some(cause)))?
        .collect();
    if found.is_empty() {
        return Err(unknown(None).into());
    }
    Ok(taking_turns(found))
}

/// Alternates the families, in the resolver's order within each and between them.
fn taking_turns(found: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        let pair = (first.next(), second.next());
        if pair == (None, None) {
            return mixed;
        }
        mixed.extend(pair.0);
        mixed.extend(pair.1);
    }
}

/// The first stream that opens. An address is tried when the one before it failed or had its head start.
async fn race(mut waiting: VecDeque<SocketAddr>) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut failures: Vec<(SocketAddr, io::Error)> = Vec::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(async move { (address, open(address).await) });
        }
        let outcome = if waiting.is_empty() {
            attempts.join_next().await
        } else {
            match tokio::time::timeout(HEAD_START, attempts.join_next()).await {
                Ok(outcome) => outcome,
                Err(_) => continue,
            }
        };
        match outcome {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => failures.push((address, error)),
            Some(Err(gone)) => return Err(io::Error::other(gone)),
            None => return Err(all_failed(&failures)),
        }
    }
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Neither is needed for an answer, so a system that refuses them is let be.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    Ok(stream)
}

/// One error for all addresses; its kind is that of the first, where the server was most likely to be.
fn all_failed(failures: &[(SocketAddr, io::Error)]) -> io::Error {
    let kind = failures
        .first()
        .map_or(io::ErrorKind::AddrNotAvailable, |(_, error)| error.kind());
    let mut text = String::new();
    for (address, error) in failures {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{address}: {error}");
    }
    io::Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn parsed(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect()
    }

    #[test]
    fn address_families_take_turns() {
        let found = parsed(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let expected = parsed(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(taking_turns(found), expected);
    }

    #[tokio::test]
    async fn localhost_is_both_loopbacks_without_asking() {
        let found = addresses("localhost", 7).await.expect("addresses");
        assert_eq!(found, parsed(&["127.0.0.1:7", "[::1]:7"]));
    }

    #[tokio::test]
    async fn a_refused_address_gives_way_to_the_next() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port")
            .local_addr()
            .expect("its address");
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let open = server.local_addr().expect("its address");
        let stream = race([closed, open].into()).await.expect("a stream");
        assert_eq!(stream.peer_addr().expect("a peer"), open);
        assert!(stream.nodelay().expect("an option"));
        assert!(SockRef::from(&stream).keepalive().expect("an option"));
    }

    #[tokio::test]
    async fn when_all_fail_each_address_is_named() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port")
            .local_addr()
            .expect("its address");
        let error = race([closed, closed].into()).await.expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string().matches(&closed.to_string()).count(),
            2,
            "{error}"
        );
    }
}
