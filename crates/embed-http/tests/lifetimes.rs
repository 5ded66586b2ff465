//! What becomes of connections: closed by the server, dropped by the caller, left behind by a runtime.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use embed_core::ErrorKind;
use embed_http::HttpClient;
use embed_http::testing::{CountingConnector, Reply, ScriptedServer, Signal, Step};
use tokio::task::JoinSet;

async fn ask(client: &HttpClient) {
    let answer = client
        .post_json("/api/embed", Bytes::from_static(b"{}"))
        .await
        .expect("an answer");
    assert_eq!(answer.bytes().await.expect("a body"), "[1]");
}

fn ok() -> Reply {
    Reply::new(200, "[1]")
}

fn real(server: &ScriptedServer) -> (HttpClient, CountingConnector) {
    let counting = CountingConnector::new();
    let client = HttpClient::builder(server.url())
        .connector(Arc::new(counting.clone()))
        .build();
    (client.expect("a client"), counting)
}

#[tokio::test]
async fn a_connection_the_server_closed_while_idle_is_replaced_unnoticed() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    ask(&client).await;
    server.disconnect_all();
    server.wait_until(|stats| stats.open == 0).await;
    ask(&client).await;
    assert_eq!(counting.opened(), 2);
    assert_eq!(client.usage().requests, 2);
}

#[tokio::test]
async fn a_reused_connection_that_dies_before_any_byte_is_replaced_once_and_uncounted() {
    for death in [Reply::close(), Reply::reset()] {
        let server = ScriptedServer::script([ok(), death, ok()]);
        let (client, counting) = real(&server);
        ask(&client).await;
        ask(&client).await;
        let connections: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.connection)
            .collect();
        assert_eq!(connections, [0, 0, 1]);
        let usage = client.usage();
        assert_eq!(
            (
                counting.opened(),
                usage.requests,
                usage.retries,
                usage.connections_reused
            ),
            (2, 2, 0, 0)
        );
    }
}

#[tokio::test]
async fn only_the_first_death_of_a_reused_connection_is_forgiven() {
    let server = ScriptedServer::script([ok(), Reply::close(), Reply::close(), ok()]);
    let (client, _) = real(&server);
    ask(&client).await;
    let error = client.get("/").await.expect_err("the fresh one died too");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(server.stats().requests, 3);
}

#[tokio::test]
async fn a_fresh_connection_that_dies_is_an_error_at_once() {
    for (death, word) in [(Reply::close(), "closed"), (Reply::reset(), "reset")] {
        let server = ScriptedServer::script([death, ok()]);
        let (client, _) = real(&server);
        let error = client.get("/x").await.expect_err("it died");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(
            error.to_string().contains(word) && error.to_string().contains("before it answered"),
            "{error}"
        );
        assert_eq!(server.stats().requests, 1);
    }
}

#[tokio::test]
async fn a_reused_connection_that_answered_a_little_is_not_asked_again() {
    let server = ScriptedServer::script([
        ok(),
        Reply::steps([
            Step::Write(Bytes::from_static(b"HTTP/1.1 200 OK\r\nconte")),
            Step::Close,
        ]),
        ok(),
    ]);
    let (client, _) = real(&server);
    ask(&client).await;
    let error = client.get("/").await.expect_err("cut in its head");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("in the head of its answer"), "{error}");
    assert_eq!(server.stats().requests, 2);
}

#[tokio::test]
async fn a_server_that_says_it_will_close_is_believed() {
    let server = ScriptedServer::handler(|_| ok().then_close());
    let (client, counting) = real(&server);
    for _ in 0..3 {
        ask(&client).await;
    }
    assert_eq!((counting.opened(), counting.high_water()), (3, 1));
}

#[tokio::test]
async fn a_response_dropped_early_closes_its_connection_and_frees_its_slot() {
    let server = ScriptedServer::script([Reply::new(200, vec![b' '; 1 << 20]).at(1000, Step::Hang), ok()]);
    let counting = CountingConnector::new();
    let client = HttpClient::builder(server.url())
        .connector(Arc::new(counting.clone()))
        .max_connections(1)
        .build()
        .expect("a client");
    let mut response = client.get("/").await.expect("a head");
    response.chunk().await.expect("a piece").expect("not the end");
    drop(response);
    ask(&client).await;
    assert_eq!((counting.opened(), counting.high_water()), (2, 1));
}

#[tokio::test]
async fn an_answer_without_a_body_needs_no_reading() {
    let server = ScriptedServer::handler(|_| Reply::new(204, ""));
    let (client, counting) = real(&server);
    for _ in 0..3 {
        drop(client.get("/").await.expect("an answer"));
    }
    assert_eq!(counting.opened(), 1);
}

#[tokio::test]
async fn a_request_given_up_frees_its_slot() {
    let server = ScriptedServer::script([Reply::hang(), ok()]);
    let client = HttpClient::builder(server.url())
        .max_connections(1)
        .build()
        .expect("a client");
    tokio::select! {
        _ = client.get("/") => panic!("nobody answers"),
        _ = server.wait_until(|stats| stats.requests == 1) => {}
    }
    ask(&client).await;
    server.wait_until(|stats| stats.open == 1).await;
}

#[tokio::test]
async fn dropping_the_last_clone_closes_the_connections() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    ask(&client).await;
    let clone = client.clone();
    drop(client);
    ask(&clone).await;
    assert_eq!(counting.opened(), 1);
    drop(clone);
    server.wait_until(|stats| stats.open == 0).await;
    assert_eq!(counting.open(), 0);
    // Neither the connection's task nor the one that closes idle connections stays behind.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[test]
fn a_client_outlives_the_runtime_of_its_first_requests() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            ask(&client).await;
            ask(&client).await;
        });
    }
    assert_eq!(counting.opened(), 3);
    drop(client);
}

#[test]
fn a_connection_of_a_runtime_that_stands_still_is_not_waited_for() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    let build = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let (first, second) = (build(), build());
    first.block_on(ask(&client));
    second.block_on(ask(&client));
    assert_eq!(counting.opened(), 2);
    first.block_on(ask(&client));
}

#[test]
fn outside_a_runtime_the_client_says_so() {
    let server = ScriptedServer::handler(|_| ok());
    let client = HttpClient::builder(server.url()).build().expect("a client");
    let mut future = std::pin::pin!(client.get("/"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = Future::poll(future.as_mut(), &mut context) else {
        panic!("an error at once");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

/// Everything that can become of a request, in a mixed order that a number chooses.
async fn any_fate(client: &HttpClient, mut number: u64) {
    // An xorshift step, so that neighbours differ.
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    let fate = number % 7;
    let request = client.get(match fate {
        0 => "/reset",
        1 => "/cut",
        2 => "/hang",
        3 => "/vanish",
        _ => "/ok",
    });
    match fate {
        // Given up on the way.
        2 | 4 => {
            let _ = tokio::time::timeout(Duration::from_millis(number % 3), request).await;
        }
        // Dropped with its body unread.
        5 => drop(request.await),
        _ => {
            if let Ok(response) = request.await {
                let _ = response.bytes().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_requests_no_slot_is_lost_and_no_limit_passed() {
    let gate = Signal::new();
    let hold = gate.clone();
    let server = ScriptedServer::handler(move |request| match request.path.as_str() {
        "/reset" => Reply::reset(),
        "/cut" => Reply::new(200, "half and half").at(4, Step::Close),
        "/hang" => Reply::hang(),
        "/vanish" => ok().then_vanish(),
        "/last" => ok().wait_for(&hold),
        _ => Reply::new(200, vec![b' '; 10_000]).chunked(100),
    });
    let (client, counting) = real(&server);
    let mut tasks = JoinSet::new();
    for worker in 0..20_u64 {
        let client = client.clone();
        tasks.spawn(async move {
            for request in 0..50 {
                any_fate(&client, worker * 1000 + request + 1).await;
            }
        });
    }
    tasks.join_all().await;
    assert!(counting.high_water() <= 10, "{counting:?}");
    // If all ten slots are still there, ten requests are under way at once.
    let before = server.stats().requests;
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        tasks.spawn(async move { drop(client.get("/last").await.expect("an answer")) });
    }
    server.wait_until(|stats| stats.requests >= before + 10).await;
    assert!(counting.open() <= 10, "{counting:?}");
    gate.fire();
    tasks.join_all().await;
}
