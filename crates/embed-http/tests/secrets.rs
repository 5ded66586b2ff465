//! Keys and passwords go to the server and nowhere else.

use embed_core::ErrorKind;
use embed_http::testing::{Reply, ScriptedServer};
use embed_http::{HttpClient, HttpClientBuilder, ProxyMode};

const SECRETS: [&str; 4] = ["sk-bearer-1", "key-header-2", "pw-url-3", "pw-proxy-4"];

fn loaded(authority: &str) -> HttpClientBuilder {
    HttpClient::builder(format!("http://me:{}@{authority}", SECRETS[2]))
        .header("api-key", SECRETS[1])
        .proxy(ProxyMode::Url(format!("http://me:{}@proxy:1", SECRETS[3])))
}

fn assert_silent(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
    // The last three as basic credentials: "me:pw-…".
    assert!(!shown.contains("bWU6cHct"), "{shown}");
}

#[test]
fn neither_builder_nor_client_show_them() {
    let builder = loaded("gpu-box:1").bearer(SECRETS[0]);
    assert_silent(&format!("{builder:?}"));
    let client = builder.build().expect("a client");
    assert_silent(&format!("{client:?} {client:#?} {}", client.base()));
    assert_silent(&format!("{:?}", loaded("gpu-box:1").basic("me", SECRETS[0])));
}

#[test]
fn errors_of_the_builder_do_not_show_them() {
    let bad = [
        loaded("gpu-box:99999"),
        loaded("gpu box"),
        loaded("gpu-box").header("x\r\ny", SECRETS[0]),
        loaded("gpu-box").header("x", format!("{}\r\nY: 1", SECRETS[0])),
        loaded("gpu-box").bearer(format!("{}\n", SECRETS[0])),
        loaded("gpu-box").header("Content-Length", SECRETS[0]),
        loaded("gpu-box").header("transfer-encoding", SECRETS[0]),
        loaded("gpu-box").proxy(ProxyMode::Url(format!("ftp://me:{}@p", SECRETS[0]))),
    ];
    for builder in bad {
        let error = builder.build().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_silent(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn a_path_cannot_smuggle_a_header() {
    let server = ScriptedServer::handler(|_| Reply::new(200, ""));
    let client = HttpClient::builder(server.url()).build().expect("a client");
    for path in ["/x HTTP/1.1\r\nEvil: 1\r\n\r\n", "/x\nEvil: 1", "/x y", "/\0"] {
        let error = client.get(path).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{path:?}");
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
    let error = client
        .post_bytes("/x", "text/plain\r\nEvil: 1", "".into())
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(server.stats().requests, 0);
}

#[tokio::test]
async fn a_server_that_repeats_them_is_not_quoted() {
    let echo = ScriptedServer::handler(|request| {
        let seen = format!(
            "{:?} {:?}",
            request.header("authorization"),
            request.header("api-key")
        );
        let key = request.header("api-key").unwrap_or_default();
        match request.path.as_str() {
            "/ok" => Reply::new(200, seen),
            "/quoted" => Reply::json(&seen),
            "/moved" => Reply::new(302, "").header("location", &format!("/login/{key}")),
            _ => Reply::new(401, seen).header("x-request-id", key),
        }
    });
    for builder in [
        loaded(echo.authority()),
        loaded(echo.authority()).bearer(SECRETS[0]),
    ] {
        let client = builder.build().expect("a client");
        let failure = client.get("/secret").await.expect("an answer").failure().await;
        assert!(failure.body.contains("***"), "{failure:?}");
        assert_silent(&format!("{failure:?}"));
        let message = failure.body.clone();
        let error = failure.into_error(ErrorKind::Unauthorized, &message);
        assert_silent(&format!("{error} {error:?}"));
        for path in ["/ok", "/quoted"] {
            let error = client
                .get(path)
                .await
                .expect("an answer")
                .json::<Vec<u8>>()
                .await
                .expect_err("not JSON");
            assert_silent(&format!("{error} {error:?}"));
        }
        let error = client.get("/moved").await.expect_err("a redirect");
        assert_silent(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn the_query_is_not_shown() {
    let server = ScriptedServer::handler(|_| Reply::new(500, ""));
    let client = HttpClient::builder(server.url()).build().expect("a client");
    let response = client.get("/x?key=sk-bearer-1").await.expect("an answer");
    assert_silent(&format!("{response:?} {}", response.url()));
    assert_silent(&format!("{:?}", response.failure().await));
}
