//! Answers of every kind: whole, cut, odd, huge, and not HTTP at all.

use bytes::Bytes;
use embed_core::{Error, ErrorKind};
use embed_http::testing::{Reply, ScriptedServer, Step};
use embed_http::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};

fn builder(server: &ScriptedServer) -> HttpClientBuilder {
    HttpClient::builder(server.url())
}

fn client(server: &ScriptedServer) -> HttpClient {
    builder(server).build().expect("a client")
}

async fn fetched(reply: Reply) -> Result<Bytes, Error> {
    let server = ScriptedServer::script([reply]);
    client(&server).get("/x").await?.bytes().await
}

#[tokio::test]
async fn requests_arrive_as_they_were_meant() {
    let server = ScriptedServer::handler(|_| Reply::json(&json!({"ok": true})));
    let client = HttpClient::builder(format!("{}/base/", server.url()))
        .bearer("sk-secret")
        .header("X-Team", "search")
        .header("User-Agent", "mine")
        .build()
        .expect("a client");
    client
        .post_json("/api/embed?x=1", Bytes::from_static(b"{\"a\":1}"))
        .await
        .expect("an answer");
    client
        .post_bytes("blobs", "application/octet-stream", Bytes::from_static(b"\0\x01"))
        .await
        .expect("an answer");
    client.get("/").await.expect("an answer");
    client.head("/").await.expect("an answer");
    let requests = server.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|r| format!("{} {}", r.method, r.path))
        .collect();
    assert_eq!(
        lines,
        [
            "POST /base/api/embed?x=1",
            "POST /base/blobs",
            "GET /base/",
            "HEAD /base/"
        ]
    );
    assert_eq!(requests[0].json(), json!({"a": 1}));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(requests[0].header("host"), Some(server.authority()));
    assert_eq!(requests[0].header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(requests[0].header("x-team"), Some("search"));
    assert_eq!(requests[0].header("user-agent"), Some("mine"));
    assert_eq!(
        requests[1].header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(requests[1].body, &b"\0\x01"[..]);
    assert_eq!(requests[2].header("content-type"), None);
    assert_eq!(client.base(), format!("{}/base", server.url()));
}

#[tokio::test]
async fn json_is_read_and_what_is_not_json_is_shown() {
    let server = ScriptedServer::script([
        Reply::json(&json!({"version": "1"})),
        Reply::new(200, "<html>\r\n<title>Welcome\u{1b}[31m</title>").header("content-type", "text/html"),
        Reply::new(200, ""),
    ]);
    let client = client(&server);
    let version: Value = client
        .get("/v")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(version["version"], "1");
    let error = client
        .get("/v")
        .await
        .expect("an answer")
        .json::<Value>()
        .await
        .expect_err("HTML");
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::InvalidResponse, Some(200))
    );
    let expected = format!(
        "GET {}/v: the answer is not the JSON that was expected: it begins with `<html>  <title>Welcome[31m</title>`",
        server.url()
    );
    assert_eq!(error.to_string(), expected);
    let error = client
        .get("/v")
        .await
        .expect("an answer")
        .json::<Value>()
        .await
        .expect_err("nothing");
    assert!(error.to_string().ends_with("expected: it is empty"), "{error}");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_connection() {
    let server = ScriptedServer::script([
        Reply::new(204, ""),
        Reply::new(200, ""),
        Reply::new(304, ""),
        Reply::new(200, "").chunked(1),
        Reply::new(200, "the length of this is told, but it is not sent"),
    ]);
    let client = client(&server);
    for status in [204, 200, 304, 200] {
        let response = client.get("/").await.expect("an answer");
        assert_eq!(response.status(), status);
        assert_eq!(response.bytes().await.expect("a body"), "");
    }
    let response = client.head("/").await.expect("an answer");
    assert_eq!(response.headers()["content-length"], "46");
    assert_eq!(response.bytes().await.expect("a body"), "");
    assert_eq!(server.stats().accepted, 1);
}

#[tokio::test]
async fn chunks_of_any_size_make_the_same_body() {
    let body: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8).collect();
    for size in [1, 3, 1000, 30_000] {
        let got = fetched(Reply::new(200, body.clone()).chunked(size))
            .await
            .expect("a body");
        assert_eq!(got, body, "{size}");
    }
    // Chunk sizes in capitals, with extensions, and a trailer after the last.
    let odd =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n";
    assert_eq!(fetched(Reply::raw(odd)).await.expect("a body"), "0123456789");
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let steps = [
        Step::Write("HTTP/1.1 200 OK\r\n\r\nall of it".into()),
        Step::Close,
    ];
    assert_eq!(fetched(Reply::steps(steps)).await.expect("a body"), "all of it");
    let steps = [
        Step::Write("HTTP/1.0 200 OK\r\n\r\nall of it".into()),
        Step::Close,
    ];
    assert_eq!(fetched(Reply::steps(steps)).await.expect("a body"), "all of it");
}

#[tokio::test]
async fn a_cut_body_is_an_error_and_not_a_short_answer() {
    let long = || Reply::new(200, vec![b'x'; 1000]);
    let cases = [
        (
            long().at(400, Step::Close),
            "closed the connection after 400 bytes",
        ),
        (long().at(0, Step::Close), "closed the connection after 0 bytes"),
        (
            long().chunked(100).at(400, Step::Close),
            "closed the connection after 400 bytes",
        ),
        (
            long().chunked(100).at(1000, Step::Close),
            "closed the connection after 1000 bytes",
        ),
    ];
    for (reply, told) in cases {
        let error = fetched(reply).await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains(told), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    // A reset may overtake what was sent before it, so the count is not known.
    let error = fetched(long().at(400, Step::Reset)).await.expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("reset the connection"), "{error}");
}

#[tokio::test]
async fn an_answer_larger_than_the_bound_is_refused() {
    for reply in [
        Reply::new(200, vec![b' '; 1001]),
        Reply::new(200, vec![b' '; 1001]).chunked(100),
    ] {
        let server = ScriptedServer::script([reply.clone(), Reply::new(200, vec![b' '; 1000]).chunked(77)]);
        let client = builder(&server).max_body(1000).build().expect("a client");
        let mut response = client.get("/x").await.expect("a head");
        let mut handed_out = 0;
        let error = loop {
            match response.chunk().await {
                Ok(piece) => handed_out += piece.expect("not the end").len(),
                Err(error) => break error,
            }
        };
        assert!(handed_out <= 1000, "{handed_out}");
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert!(
            error.to_string().contains("larger than the 1000 bytes allowed"),
            "{error}"
        );
        let fits = client
            .get("/x")
            .await
            .expect("a head")
            .bytes()
            .await
            .expect("it fits");
        assert_eq!(fits.len(), 1000);
    }
}

#[tokio::test]
async fn an_encoded_answer_is_refused() {
    let error = fetched(Reply::new(200, "\x1f\u{8b}").header("content-encoding", "gzip"))
        .await
        .expect_err("gzip");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("gzip"), "{error}");
    assert_eq!(
        fetched(Reply::new(200, "x").header("content-encoding", "identity"))
            .await
            .expect("plain"),
        "x"
    );
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_is_told_apart() {
    let cases: [(&[u8], &str); 5] = [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is this the right port?"),
        (b"<html>hello</html>\r\n\r\n", "is this the right port?"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "it speaks TLS; write https://"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "is this the right port?"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n",
            "is this the right port?",
        ),
    ];
    for (bytes, hint) in cases {
        let steps = [Step::Write(Bytes::from_static(bytes)), Step::Close];
        let error = fetched(Reply::steps(steps)).await.expect_err("not HTTP");
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
        assert!(
            error.to_string().contains("does not answer in HTTP/1.1"),
            "{error}"
        );
        assert!(error.to_string().ends_with(hint), "{error}");
    }
    let bad_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let error = fetched(Reply::raw(bad_chunk))
        .await
        .expect_err("a chunk without a size");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1 << 20));
    let error = fetched(Reply::steps([Step::Write(endless.into()), Step::Hang]))
        .await
        .expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
    let many: String = (0..2000).map(|n| format!("x-{n}: y\r\n")).collect();
    let error = fetched(Reply::raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n")))
        .await
        .expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
}

#[tokio::test]
async fn a_failure_keeps_two_kibibytes_and_what_the_headers_tell() {
    let body = format!("\u{1b}[1m{}", "ä".repeat(20_000));
    let server = ScriptedServer::script([
        Reply::new(429, body)
            .header("retry-after", "7")
            .header("x-request-id", "req-1"),
        Reply::new(200, "after"),
    ]);
    let client = client(&server);
    let response = client.get("/x").await.expect("an answer");
    assert!(!response.status().is_success());
    let failure = response.failure().await;
    assert_eq!(failure.url, format!("{}/x", server.url()));
    assert_eq!(failure.status, 429);
    assert!(
        failure.body.starts_with("[1mää") && failure.body.len() <= 2048 + 3,
        "{}",
        failure.body.len()
    );
    assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(7));
    assert_eq!(failure.request_id.as_deref(), Some("req-1"));
    let error = failure.into_error(ErrorKind::RateLimited, "slow down");
    let expected = format!(
        "GET {}/x answered 429 Too Many Requests: slow down (request req-1)",
        server.url()
    );
    assert_eq!(error.to_string(), expected);
    // The rest of the body was read, so the connection lives on.
    client.get("/x").await.expect("an answer");
    assert_eq!(server.stats().accepted, 1);
}

#[tokio::test]
async fn a_failure_with_an_endless_body_does_not_keep_anybody() {
    let server = ScriptedServer::script([Reply::new(500, vec![b'x'; 10 << 20]), Reply::new(200, "after")]);
    let client = client(&server);
    let failure = client.get("/x").await.expect("an answer").failure().await;
    assert_eq!(failure.body.len(), 2048);
    assert_eq!(
        client
            .get("/x")
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("a body"),
        "after"
    );
    assert_eq!(server.stats().accepted, 2);
}

#[tokio::test]
async fn an_early_refusal_of_a_large_request_is_heard() {
    // The server answers from the head alone and closes, while the body is still on its way.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = [0; 512];
        stream.read_exact(&mut head).await.expect("a head");
        let answer = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\n\r\ntoo large";
        stream.write_all(answer.as_bytes()).await.expect("an answer");
        // Reading on, as careful servers do, keeps the answer from being overtaken by a reset.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
    });
    let client = HttpClient::builder(url).build().expect("a client");
    let response = client
        .post_json("/x", vec![b' '; 8 << 20].into())
        .await
        .expect("an answer");
    let failure = response.failure().await;
    assert_eq!((failure.status, failure.body.as_str()), (413, "too large"));
    drop(client);
    server.await.expect("the server ends");
}
