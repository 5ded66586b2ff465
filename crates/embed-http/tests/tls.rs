//! `https://`: whom to trust, what to say when not, and the way through a proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use embed_core::{Error, ErrorKind};
use embed_http::testing::{CountingConnector, Reply, ScriptedServer};
use embed_http::{Connect, Connecting, HttpClient, HttpClientBuilder, Io, ProxyMode, Target};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority of our own, and the file that says so.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        Self::named("ours")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn acceptor(&self, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(["gpu-box.test".to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        acceptor(&certificate, &key)
    }
}

fn acceptor(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

/// TLS in front of a server without it. Ends with the test's runtime.
async fn terminate(acceptor: TlsAcceptor, server: &ScriptedServer) -> SocketAddr {
    let behind = server.authority().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut tls = acceptor.accept(stream).await?;
                copy_bidirectional(&mut tls, &mut TcpStream::connect(behind).await?).await
            });
        }
    });
    address
}

/// Every name leads to one address, as a hosts file would have it.
#[derive(Debug)]
struct AllTo(SocketAddr);

impl Connect for AllTo {
    fn connect<'a>(&'a self, _: &'a Target) -> Connecting<'a> {
        Box::pin(async { Ok(Box::new(TcpStream::connect(self.0).await?) as Box<dyn Io>) })
    }
}

fn builder(address: SocketAddr, trusted: &Authority) -> HttpClientBuilder {
    HttpClient::builder("https://gpu-box.test")
        .connector(Arc::new(AllTo(address)))
        .proxy(ProxyMode::None)
        .ca_file(trusted.file())
}

async fn fetch(client: &HttpClient) -> Result<bytes::Bytes, Error> {
    client.get("/x").await?.bytes().await
}

async fn refused(address: SocketAddr, trusted: &Authority) -> Error {
    let error = fetch(&builder(address, trusted).build().expect("a client"))
        .await
        .expect_err("refused");
    assert!(
        error.to_string().starts_with("GET https://gpu-box.test/x: "),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_spoken_to_over_one_connection() {
    let authority = Authority::new();
    let server = ScriptedServer::handler(|_| Reply::new(200, vec![b'x'; 100_000]).chunked(999));
    let address = terminate(authority.acceptor(|_| {}), &server).await;
    let counting = CountingConnector::over(Arc::new(AllTo(address)));
    let client = builder(address, &authority)
        .connector(Arc::new(counting.clone()))
        .build()
        .expect("a client");
    for _ in 0..3 {
        assert_eq!(fetch(&client).await.expect("an answer").len(), 100_000);
    }
    assert_eq!(counting.opened(), 1);
    assert_eq!(server.requests()[0].header("host"), Some("gpu-box.test"));
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_advice() {
    let server = ScriptedServer::handler(|_| Reply::new(200, ""));
    // One of the same name is no better: private authorities are made anew under their old name often enough.
    for theirs in [Authority::named("theirs"), Authority::named("ours")] {
        let address = terminate(theirs.acceptor(|_| {}), &server).await;
        let error = refused(address, &Authority::new()).await;
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            error.to_string().contains("unknown authority; name its CA file"),
            "{error}"
        );
    }
    assert_eq!(server.stats().requests, 0);
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_as_its_own_authority_unless_it_is_marked_as_one() {
    let server = ScriptedServer::handler(|_| Reply::new(200, "done"));
    let folder = tempfile::tempdir().expect("a folder");
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = CertificateParams::new(["gpu-box.test".to_owned()]).expect("a name");
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = folder.path().join("self.pem");
        std::fs::write(&file, certificate.pem()).expect("a file");
        let address = terminate(acceptor(&certificate, &key), &server).await;
        let client = HttpClient::builder("https://gpu-box.test")
            .connector(Arc::new(AllTo(address)))
            .proxy(ProxyMode::None)
            .ca_file(file)
            .build()
            .expect("a client");
        match (is_ca, fetch(&client).await) {
            (IsCa::NoCa, outcome) => assert_eq!(outcome.expect("an answer"), "done"),
            (_, outcome) => {
                let error = outcome.expect_err("an authority is no server");
                assert_eq!(error.kind(), ErrorKind::InvalidConfig);
                assert!(
                    error.to_string().contains("marked as an authority's own"),
                    "{error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_refused_with_advice() {
    let authority = Authority::new();
    let server = ScriptedServer::handler(|_| Reply::new(200, ""));
    let other_name = authority.acceptor(|params| {
        params.subject_alt_names.clear();
        params
            .subject_alt_names
            .push(rcgen::SanType::DnsName("other.test".try_into().expect("a name")));
    });
    let expired = authority.acceptor(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    for (acceptor, told) in [
        (other_name, "is not for `gpu-box.test`"),
        (expired, "is not valid today"),
    ] {
        let error = refused(terminate(acceptor, &server).await, &authority).await;
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_port_without_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("an answer");
        // Held until the client has read it.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
    });
    let error = refused(address, &Authority::new()).await;
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error
            .to_string()
            .contains("does not speak TLS on this port; write http://"),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_with_tls_is_told_as_such_to_plain_http() {
    let server = ScriptedServer::handler(|_| Reply::new(200, ""));
    let address = terminate(Authority::new().acceptor(|_| {}), &server).await;
    let client = HttpClient::builder(format!("http://{address}"))
        .build()
        .expect("a client");
    let error = fetch(&client).await.expect_err("TLS");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(
        error.to_string().ends_with("it speaks TLS; write https://"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_lost_while_tls_is_set_up_can_be_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { drop(listener.accept().await) });
    let error = refused(address, &Authority::new()).await;
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn setting_up_tls_counts_as_connecting() {
    let server = embed_http::testing::MemoryServer::handler(|_| Reply::hang());
    let client = HttpClient::builder("https://gpu-box.test")
        .connector(Arc::new(server))
        .proxy(ProxyMode::None)
        .ca_file(Authority::new().file())
        .connect_timeout(Duration::from_secs(3))
        .build()
        .expect("a client");
    let error = fetch(&client).await.expect_err("silence");
    assert_eq!(
        error.kind(),
        ErrorKind::Timeout(embed_core::TimeoutPhase::Connect),
        "{error}"
    );
}

#[test]
fn a_bad_ca_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        (folder.path().join("none.pem"), "cannot be read"),
        (write("empty.pem", ""), "holds no certificate"),
        (write("broken.pem", broken), "holds a bad certificate"),
    ];
    for (path, told) in cases {
        let error = HttpClient::builder("https://h")
            .ca_file(&path)
            .build()
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            error
                .to_string()
                .contains(&format!("`{}` {told}", path.display())),
            "{error}"
        );
    }
}

/// A proxy that grants or refuses one tunnel after another; it hands back the heads it got.
async fn tunnel_proxy(
    to: SocketAddr,
    answer: &'static str,
) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (heads, received) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                stream.read_line(&mut head).await.expect("a line");
            }
            heads.send(head).expect("the test listens");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            if answer.contains(" 200") {
                let mut server = TcpStream::connect(to).await.expect("the server");
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut server).await });
            }
        }
    });
    (address, received)
}

#[tokio::test]
async fn tls_reaches_through_a_proxy_that_sees_only_the_name() {
    let authority = Authority::new();
    let server = ScriptedServer::handler(|_| Reply::new(200, "done"));
    let behind = terminate(authority.acceptor(|_| {}), &server).await;
    let (proxy, mut heads) =
        tunnel_proxy(behind, "HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n").await;
    let client = HttpClient::builder("https://gpu-box.test:8443")
        .proxy(ProxyMode::Url(format!("http://me:hunter2@{proxy}")))
        .ca_file(authority.file())
        .bearer("sk-secret")
        .build()
        .expect("a client");
    for _ in 0..2 {
        assert_eq!(fetch(&client).await.expect("an answer"), "done");
    }
    let head = heads.recv().await.expect("one tunnel");
    let expected = "CONNECT gpu-box.test:8443 HTTP/1.1\r\nhost: gpu-box.test:8443\r\n\
                    proxy-authorization: Basic bWU6aHVudGVyMg==\r\n\r\n";
    assert_eq!(head, expected);
    assert!(heads.try_recv().is_err(), "a second tunnel");
    let request = &server.requests()[0];
    assert_eq!(
        (request.path.as_str(), request.header("proxy-authorization")),
        ("/x", None)
    );
    assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_apart_from_the_server() {
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let cases = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            ErrorKind::InvalidConfig,
            "user and password (407)",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            ErrorKind::Connect,
            "refuses to connect to gpu-box.test:443 (502)",
        ),
        (
            "SSH-2.0-x\r\n\r\n",
            ErrorKind::InvalidConfig,
            "does not speak HTTP",
        ),
        ("HTTP/1.1 502", ErrorKind::Connect, "broke the connection"),
    ];
    for (answer, kind, told) in cases {
        let (proxy, _heads) = tunnel_proxy(nowhere, answer).await;
        let client = HttpClient::builder("https://gpu-box.test")
            .proxy(ProxyMode::Url(format!("me:hunter2@{proxy}")))
            .ca_file(Authority::new().file())
            .build()
            .expect("a client");
        let error = fetch(&client).await.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().contains(&format!("the proxy {proxy} ")),
            "{error}"
        );
        assert!(
            error.to_string().contains(told) && !format!("{error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}
