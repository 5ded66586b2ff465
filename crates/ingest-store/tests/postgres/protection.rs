//! TLS in each strictness, against a server whose certificate is known, unknown or for another host.

use std::path::Path;
use std::sync::Arc;

use ingest_core::ErrorKind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use ingest_store::testing::Database;

/// A relay that speaks TLS to the client and plain to the server, or refuses TLS as a server without it does.
async fn relay(url: &str, tls: Option<TlsAcceptor>) -> u16 {
    let server = url
        .rsplit_once('@')
        .and_then(|(_, rest)| rest.split('/').next())
        .expect("a host")
        .to_owned();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("its number").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, tls) = (server.clone(), tls.clone());
            tokio::spawn(async move {
                let mut first = [0; 8];
                let asks_for_tls =
                    client.peek(&mut first).await.is_ok() && first == *b"\0\0\0\x08\x04\xd2\x16\x2f";
                let mut upstream = TcpStream::connect(server).await.expect("the server");
                if !asks_for_tls {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                    return;
                }
                client.read_exact(&mut first).await.expect("the question");
                client
                    .write_all(if tls.is_some() { b"S" } else { b"N" })
                    .await
                    .expect("the answer");
                match tls {
                    Some(tls) => {
                        if let Ok(mut protected) = tls.accept(client).await {
                            let _ = tokio::io::copy_bidirectional(&mut protected, &mut upstream).await;
                        }
                    }
                    None => {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                    }
                }
            });
        }
    });
    port
}

/// A server's certificate for `name`, by an authority whose own is written to `path`.
fn certificate(name: &str, path: &Path) -> TlsAcceptor {
    let mut authority = CertificateParams::new(Vec::new()).expect("an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
        .expect("its certificate");
    std::fs::write(path, authority.pem()).expect("its file");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a server");
    let signed = params.signed_by(&key, &authority).expect("its certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(signed)],
            PrivateKeyDer::try_from(key.serialize_der()).expect("the key"),
        )
        .expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn each_mode_accepts_what_it_should(database: Database) {
    drop(database.store().await);
    let folder = tempfile::tempdir().expect("a folder");
    let (known, other) = (folder.path().join("known.pem"), folder.path().join("other.pem"));
    let good = relay(&database.url, Some(certificate("localhost", &known))).await;
    let misnamed_file = folder.path().join("misnamed.pem");
    let misnamed = relay(&database.url, Some(certificate("db.example.org", &misnamed_file))).await;
    let plain = relay(&database.url, None).await;
    certificate("localhost", &other);
    let none = Path::new("");
    let cases = [
        ("disable", good, none, true),
        ("prefer", good, none, true),
        ("prefer", plain, none, true),
        ("allow", plain, none, true),
        ("require", good, none, true),
        ("require", plain, none, false),
        ("require", good, &known, true),
        ("require", good, &other, false),
        ("verify-ca", good, &known, true),
        ("verify-ca", misnamed, &misnamed_file, true),
        ("verify-ca", good, &other, false),
        ("verify-ca", good, none, false),
        ("verify-ca", plain, &known, false),
        ("verify-full", good, &known, true),
        ("verify-full", misnamed, &misnamed_file, false),
        ("verify-full", good, &other, false),
    ];
    let (login, _) = database.url.rsplit_once('@').expect("a login");
    for (mode, port, roots, succeeds) in cases {
        let mut url = format!("{login}@localhost:{port}/{}?sslmode={mode}", database.name);
        if roots != none {
            url += &format!("&sslrootcert={}", roots.display());
        }
        let outcome = ingest_store::open_existing(&url).await;
        assert_eq!(
            outcome.is_ok(),
            succeeds,
            "{mode} {port} {}: {outcome:?}",
            roots.display()
        );
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{mode}: {error}");
            assert!(error.to_string().contains("sslmode"), "{mode}: {error}");
        }
    }
    let url = format!(
        "{login}@localhost:{good}/{}?sslmode=verify-full&sslrootcert=/nowhere.pem",
        database.name
    );
    let error = ingest_store::open_existing(&url).await.expect_err("no such file");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
}
