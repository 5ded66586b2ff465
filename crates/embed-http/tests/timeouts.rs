//! Each timeout on its own, on a clock that a test moves: nothing here takes real time.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use embed_core::{Error, ErrorKind, TimeoutPhase};
use embed_http::testing::{CountingConnector, MemoryServer, Reply, Step};
use embed_http::{Connect, Connecting, HttpClient, HttpClientBuilder, Target};
use tokio::time::Instant;

fn client(server: &MemoryServer) -> HttpClientBuilder {
    HttpClient::builder("http://memory").connector(Arc::new(server.clone()))
}

fn phase(error: &Error) -> TimeoutPhase {
    match error.kind() {
        ErrorKind::Timeout(phase) => phase,
        other => panic!("{other}: {error}"),
    }
}

/// A host that swallows what is sent to it.
#[derive(Debug)]
struct Silence;

impl Connect for Silence {
    fn connect<'a>(&'a self, _: &'a Target) -> Connecting<'a> {
        Box::pin(pending())
    }
}

async fn whole(client: &HttpClient) -> Result<Bytes, Error> {
    client.get("/x").await?.bytes().await
}

#[tokio::test(start_paused = true)]
async fn connecting_is_given_ten_seconds() {
    let client = HttpClient::builder("http://memory")
        .connector(Arc::new(Silence))
        .build()
        .expect("a client");
    let start = Instant::now();
    let error = whole(&client).await.expect_err("nobody there");
    assert_eq!(
        (phase(&error), start.elapsed().as_secs()),
        (TimeoutPhase::Connect, 10)
    );
    assert_eq!(
        error.to_string(),
        "GET http://memory/x: no connection within 10s; is the address right?"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cold_model_is_given_three_hundred_seconds_to_answer() {
    let server = MemoryServer::handler(|_| Reply::new(200, "late").delay(Duration::from_secs(299)));
    assert_eq!(
        whole(&client(&server).build().expect("a client"))
            .await
            .expect("in time"),
        "late"
    );

    let server = MemoryServer::handler(|_| Reply::hang());
    let counting = CountingConnector::over(Arc::new(server.clone()));
    let client = client(&server)
        .connector(Arc::new(counting.clone()))
        .build()
        .expect("a client");
    let start = Instant::now();
    let error = whole(&client).await.expect_err("never");
    assert_eq!(
        (phase(&error), start.elapsed().as_secs()),
        (TimeoutPhase::FirstByte, 300)
    );
    assert_eq!(error.to_string(), "GET http://memory/x: no answer within 300s");
    // The connection is of no use any more: its answer may still come.
    server.wait_until(|stats| stats.open == 0).await;
    assert_eq!(counting.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_given_sixty_seconds() {
    let server = MemoryServer::handler(|_| Reply::new(200, "half and half").at(4, Step::Hang));
    let client = client(&server).build().expect("a client");
    let mut response = client.get("/x").await.expect("a head");
    assert_eq!(
        response.chunk().await.expect("a piece").expect("not the end"),
        "half"
    );
    let start = Instant::now();
    let error = response.chunk().await.expect_err("stalled");
    assert_eq!(
        (phase(&error), start.elapsed().as_secs()),
        (TimeoutPhase::Body, 60)
    );
    assert_eq!(
        error.to_string(),
        "GET http://memory/x: nothing came for 60s after 4 bytes of the answer"
    );
    let error = response
        .chunk()
        .await
        .expect_err("broken for good, not at its end");
    assert_eq!(error.kind(), ErrorKind::Connect);
    server.wait_until(|stats| stats.open == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_may_go_on_for_ever_unless_the_whole_is_bounded() {
    let drip =
        |_: &embed_http::testing::Request| Reply::new(200, vec![b'x'; 100]).drip(1, Duration::from_secs(30));
    let server = MemoryServer::handler(drip);
    let start = Instant::now();
    let patient = client(&server).build().expect("a client");
    assert_eq!(whole(&patient).await.expect("patience").len(), 100);
    assert_eq!(start.elapsed().as_secs(), 3000);

    let start = Instant::now();
    let bounded = client(&server)
        .total_timeout(Some(Duration::from_secs(100)))
        .build()
        .expect("a client");
    let error = whole(&bounded).await.expect_err("too slow");
    assert_eq!(
        (phase(&error), start.elapsed().as_secs()),
        (TimeoutPhase::Total, 100)
    );
    assert_eq!(
        error.to_string(),
        "GET http://memory/x: the answer was not complete within 100s, only 3 bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn the_bound_of_the_whole_covers_connecting_and_the_first_byte() {
    let total = Some(Duration::from_secs(5));
    let server = MemoryServer::handler(|_| Reply::hang());
    for builder in [client(&server), client(&server).connector(Arc::new(Silence))] {
        let start = Instant::now();
        let error = whole(&builder.total_timeout(total).build().expect("a client"))
            .await
            .expect_err("too slow");
        assert_eq!(
            (phase(&error), start.elapsed().as_secs()),
            (TimeoutPhase::Total, 5)
        );
        assert!(
            error.to_string().ends_with("within the 5s allowed for the whole"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_timeout_is_a_setting() {
    let second = Duration::from_secs(1);
    let quick = |builder: HttpClientBuilder| {
        let builder = builder
            .connect_timeout(second)
            .first_byte_timeout(2 * second)
            .body_timeout(3 * second);
        builder.build().expect("a client")
    };
    let silent = MemoryServer::handler(|_| Reply::hang());
    let stalled = MemoryServer::handler(|_| Reply::new(200, "x").at(0, Step::Hang));
    let cases = [
        (
            quick(client(&silent).connector(Arc::new(Silence))),
            TimeoutPhase::Connect,
            1,
        ),
        (quick(client(&silent)), TimeoutPhase::FirstByte, 2),
        (quick(client(&stalled)), TimeoutPhase::Body, 3),
    ];
    for (client, expected, seconds) in cases {
        let start = Instant::now();
        let error = whole(&client).await.expect_err("too slow");
        assert_eq!((phase(&error), start.elapsed().as_secs()), (expected, seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_whose_body_hangs_is_told_after_five_seconds() {
    let server = MemoryServer::handler(|_| Reply::new(503, "busy, so").at(4, Step::Hang));
    let response = client(&server)
        .build()
        .expect("a client")
        .get("/x")
        .await
        .expect("a head");
    let start = Instant::now();
    let failure = response.failure().await;
    assert_eq!(
        (failure.status, failure.body.as_str(), start.elapsed().as_secs()),
        (503, "busy", 5)
    );
}
