//! Ways to a server: proxies, Unix sockets, both loopbacks, and nobody there.

use std::error::Error as _;
use std::sync::Arc;

use embed_core::{Error, ErrorKind};
use embed_http::testing::{CountingConnector, Reply, ScriptedServer};
use embed_http::{HttpClient, ProxyMode};

fn page() -> Reply {
    Reply::new(200, "done")
}

async fn fetch(client: &HttpClient) -> Result<bytes::Bytes, Error> {
    client.get("/x?y=1").await?.bytes().await
}

fn through(proxy: &str, base: &str) -> HttpClient {
    HttpClient::builder(base)
        .proxy(ProxyMode::Url(proxy.to_owned()))
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url_and_gets_its_own_credentials() {
    let proxy = ScriptedServer::handler(|_| page());
    // The name resolves nowhere: only the proxy would know it.
    let client = HttpClient::builder("http://gpu-box.invalid:11434/base")
        .proxy(ProxyMode::Url(format!("http://me:hunter2@{}", proxy.authority())))
        .bearer("sk-secret")
        .build()
        .expect("a client");
    assert_eq!(fetch(&client).await.expect("an answer"), "done");
    let request = &proxy.requests()[0];
    assert_eq!(request.path, "http://gpu-box.invalid:11434/base/x?y=1");
    assert_eq!(request.header("host"), Some("gpu-box.invalid:11434"));
    assert_eq!(
        request.header("proxy-authorization"),
        Some("Basic bWU6aHVudGVyMg==")
    );
    assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
    assert!(!format!("{client:?} {:?}", client.base()).contains("hunter2"));
}

#[tokio::test]
async fn a_server_on_this_machine_is_reached_without_the_proxy() {
    let proxy = ScriptedServer::handler(|_| page());
    let server = ScriptedServer::handler(|_| page());
    let port = server.authority().rsplit(':').next().expect("a port").to_owned();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let client = through(proxy.url(), &format!("http://{host}:{port}"));
        assert_eq!(fetch(&client).await.expect("an answer"), "done", "{host}");
    }
    assert_eq!((proxy.stats().accepted, server.stats().accepted), (0, 3));
    assert_eq!(server.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let proxy = ScriptedServer::handler(|_| page());
    let url = proxy.url().replace("http://", "http://me:hunter2@");
    let authority = proxy.authority().to_owned();
    drop(proxy);
    let error = fetch(&through(&url, "http://gpu-box.invalid"))
        .await
        .expect_err("nobody there");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        error.to_string().contains(&format!(
            "cannot connect to the proxy {authority}: connection refused"
        )),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_proxy_that_is_not_plain_http_is_refused() {
    for url in ["socks5://p:1", "https://p:1", "http://p:x", ""] {
        let error = HttpClient::builder("http://gpu-box")
            .proxy(ProxyMode::Url(url.to_owned()))
            .build();
        assert_eq!(
            error.expect_err("refused").kind(),
            ErrorKind::InvalidConfig,
            "{url}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_a_server_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.sock");
    let server = ScriptedServer::handler_unix(&path, |_| page());
    let client = HttpClient::builder(server.url()).build().expect("a client");
    for _ in 0..2 {
        assert_eq!(fetch(&client).await.expect("an answer"), "done");
    }
    assert_eq!(server.stats().accepted, 1);
    assert_eq!(server.requests()[0].header("host"), Some("localhost"));
    assert_eq!(server.requests()[0].path, "/x?y=1");
    assert_eq!(client.base(), server.url());
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.sock");
    let client = HttpClient::builder(format!("unix:{}", path.display()))
        .build()
        .expect("a client");
    let error = fetch(&client).await.expect_err("no socket");
    assert_eq!(error.kind(), ErrorKind::Connect);
    let expected = format!("GET unix:{}:/x: cannot connect: no such socket", path.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn localhost_is_found_on_either_loopback() {
    // What listens on one loopback's port leaves that of the other free.
    let v4 = ScriptedServer::handler(|_| page());
    let mut servers = vec![v4];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        servers.push(ScriptedServer::handler_at(
            "[::1]:0".parse().expect("an address"),
            |_| page(),
        ));
    }
    for server in &servers {
        let port = server.authority().rsplit(':').next().expect("a port");
        let client = HttpClient::builder(format!("http://localhost:{port}"))
            .build()
            .expect("a client");
        assert_eq!(fetch(&client).await.expect("an answer"), "done");
        assert_eq!(server.stats().requests, 1);
    }
}

#[tokio::test]
async fn an_ipv6_literal_is_an_address() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return; // This machine has no IPv6.
    }
    let server = ScriptedServer::handler_at("[::1]:0".parse().expect("an address"), |_| page());
    let client = HttpClient::builder(server.url()).build().expect("a client");
    assert_eq!(fetch(&client).await.expect("an answer"), "done");
    assert_eq!(server.requests()[0].header("host"), Some(server.authority()));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_with_address_and_cause() {
    let server = ScriptedServer::handler(|_| page());
    let url = server.url().to_owned();
    drop(server);
    let counting = CountingConnector::new();
    let client = HttpClient::builder(&url)
        .connector(Arc::new(counting.clone()))
        .build()
        .expect("a client");
    let error = fetch(&client).await.expect_err("nobody there");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        error
            .to_string()
            .starts_with(&format!("GET {url}/x: cannot connect: connection refused")),
        "{error}"
    );
    let cause = error.source().expect("a cause").to_string();
    assert!(cause.contains(url.trim_start_matches("http://")), "{cause}");
    assert_eq!(
        (
            counting.attempts(),
            counting.opened(),
            client.usage().connections_opened
        ),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn an_unknown_host_is_told_as_such() {
    let client = HttpClient::builder("http://no-such-host.invalid")
        .proxy(ProxyMode::None)
        .build()
        .expect("a client");
    let error = fetch(&client).await.expect_err("no such host");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        error
            .to_string()
            .contains("unknown host; is the name spelled right?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_by_the_same_client() {
    let server = ScriptedServer::handler(|_| page());
    let address = server.authority().parse().expect("an address");
    let client = HttpClient::builder(server.url()).build().expect("a client");
    fetch(&client).await.expect("an answer");
    drop(server);
    let error = fetch(&client).await.expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::Connect);
    let server = ScriptedServer::handler_at(address, |_| page());
    fetch(&client).await.expect("an answer");
    assert_eq!(server.stats().requests, 1);
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_the_feature_https_is_refused_by_its_name() {
    let error = HttpClient::builder("https://me:hunter2@gpu-box/v1")
        .build()
        .expect_err("not in this build");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let told = error.to_string();
    assert!(
        told.contains("https://gpu-box/v1") && told.contains("feature `tls`"),
        "{told}"
    );
}
