//! Redirects: followed on the same server, named otherwise.

use bytes::Bytes;
use embed_core::ErrorKind;
use embed_http::HttpClient;
use embed_http::testing::{Reply, ScriptedServer};

fn to(status: u16, location: &str) -> Reply {
    Reply::new(status, "moved").header("location", location)
}

fn client(server: &ScriptedServer) -> HttpClient {
    HttpClient::builder(server.url())
        .bearer("sk-secret")
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_request_is_sent_again_whole_on_the_same_server() {
    for status in [307, 308] {
        let server = ScriptedServer::handler(move |request| match request.path.as_str() {
            "/old/embed" => to(status, "/new/embed?x=1"),
            "/new/embed?x=1" => Reply::new(200, "done"),
            other => Reply::new(404, other.to_owned()),
        });
        let response = client(&server)
            .post_json("/old/embed", Bytes::from_static(b"{}"))
            .await
            .expect("an answer");
        assert_eq!(response.url(), format!("{}/new/embed", server.url()));
        assert_eq!(response.bytes().await.expect("a body"), "done");
        let last = &server.requests()[1];
        assert_eq!((last.method.as_str(), last.body.as_ref()), ("POST", &b"{}"[..]));
        assert_eq!(last.header("authorization"), Some("Bearer sk-secret"));
        assert_eq!(server.stats().accepted, 1);
    }
}

#[tokio::test]
async fn an_absolute_redirect_to_the_same_server_is_followed() {
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/a" => to(
            307,
            &format!("http://{}/b", request.header("host").expect("a host")),
        ),
        _ => Reply::new(200, "done"),
    });
    assert_eq!(
        client(&server)
            .get("/a")
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("a body"),
        "done"
    );
}

#[tokio::test]
async fn another_server_is_named_and_never_asked() {
    let other = ScriptedServer::handler(|_| Reply::new(200, "gotcha"));
    let target = format!("http://user:pw@{}/steal?key=1", other.authority());
    let server = ScriptedServer::handler(move |_| to(308, &target));
    let error = client(&server).get("/a").await.expect_err("another server");
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::InvalidConfig, Some(308))
    );
    assert!(
        error.to_string().contains(&format!(
            "redirects to `http://{}/steal`, another server",
            other.authority()
        )),
        "{error}"
    );
    assert_eq!(other.stats().accepted, 0);
}

#[tokio::test]
async fn https_in_place_of_http_is_another_server() {
    let server = ScriptedServer::handler(|request| {
        to(
            308,
            &format!(
                "https://{}{}",
                request.header("host").expect("a host"),
                request.path
            ),
        )
    });
    let error = client(&server).get("/a").await.expect_err("another scheme");
    assert!(
        error.to_string().contains("redirects to `https://127.0.0.1:"),
        "{error}"
    );
}

#[tokio::test]
async fn redirects_that_turn_a_post_into_a_get_are_not_followed() {
    for status in [301, 302, 303] {
        let server = ScriptedServer::handler(move |_| to(status, "/login"));
        let error = client(&server).get("/a").await.expect_err("not followed");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            error
                .to_string()
                .contains(&format!("redirects to `/login`, with {status}")),
            "{error}"
        );
        assert_eq!(server.stats().requests, 1);
    }
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_loop_ends() {
    let server = ScriptedServer::handler(|request| match request.path.len() {
        5 => Reply::new(200, "done"),
        _ => to(307, &format!("{}x", request.path)),
    });
    let client = client(&server);
    assert_eq!(
        client
            .get("/x")
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("a body"),
        "done"
    );
    assert_eq!(server.stats().requests, 4);

    let server = ScriptedServer::handler(|_| to(307, "/again"));
    let client = HttpClient::builder(server.url()).build().expect("a client");
    let error = client.get("/again").await.expect_err("a loop");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error
            .to_string()
            .contains("more than 3 times, at last to `/again`"),
        "{error}"
    );
    assert_eq!(server.stats().requests, 4);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_answer_and_one_to_nonsense_an_error() {
    let server = ScriptedServer::script([Reply::new(307, ""), to(307, "http://[::1"), to(307, "/a b")]);
    let client = client(&server);
    assert_eq!(client.get("/").await.expect("an answer").status(), 307);
    for _ in 0..2 {
        let error = client.get("/").await.expect_err("nonsense");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("which is no valid address"), "{error}");
    }
}
