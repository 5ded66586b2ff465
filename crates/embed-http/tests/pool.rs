//! How many connections are opened, who gets them, and how long they are kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use embed_http::HttpClient;
use embed_http::testing::{CountingConnector, MemoryServer, Reply, ScriptedServer, Signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

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

/// A client of a server in memory, and the proof of what it opened.
fn in_memory(server: &MemoryServer) -> (HttpClient, CountingConnector) {
    let counting = CountingConnector::over(Arc::new(server.clone()));
    let client = HttpClient::builder("http://memory")
        .connector(Arc::new(counting.clone()))
        .build();
    (client.expect("a client"), counting)
}

fn real(server: &ScriptedServer) -> (HttpClient, CountingConnector) {
    let counting = CountingConnector::new();
    let client = HttpClient::builder(server.url())
        .connector(Arc::new(counting.clone()))
        .build();
    (client.expect("a client"), counting)
}

#[tokio::test]
async fn a_hundred_requests_in_a_row_open_one_connection() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    for _ in 0..100 {
        ask(&client).await;
    }
    assert_eq!(
        (
            counting.opened(),
            server.stats().accepted,
            server.stats().requests
        ),
        (1, 1, 100)
    );
    let usage = client.usage();
    assert_eq!(
        (usage.requests, usage.connections_opened, usage.connections_reused),
        (100, 1, 99)
    );
    assert_eq!((usage.bytes_received, usage.retries), (300, 0));
    assert!(usage.bytes_sent > 100 * 50, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_at_once_open_at_most_ten_connections() {
    let server = ScriptedServer::handler(|_| ok());
    let (client, counting) = real(&server);
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        tasks.spawn(async move { ask(&client).await });
    }
    tasks.join_all().await;
    assert!(
        counting.high_water() <= 10 && counting.opened() <= 10,
        "{counting:?}"
    );
    assert_eq!(server.stats().requests, 100);
}

/// N workers that start together, so that each needs a connection of its own.
async fn work(workers: usize, requests: usize) {
    let together = Signal::new();
    let gate = together.clone();
    let server = ScriptedServer::handler(move |_| ok().wait_for(&gate));
    let (client, counting) = real(&server);
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let client = client.clone();
        tasks.spawn(async move {
            for _ in 0..requests {
                ask(&client).await;
            }
        });
    }
    server.wait_until(|stats| stats.requests == workers).await;
    together.fire();
    tasks.join_all().await;
    assert_eq!(counting.opened(), workers, "{counting:?}");
    assert_eq!(server.stats().accepted, workers);
    assert_eq!(
        client.usage().connections_reused,
        (workers * (requests - 1)) as u64
    );
}

#[tokio::test]
async fn workers_open_exactly_as_many_connections_as_they_are() {
    for workers in [1, 4, 8] {
        work(workers, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_on_several_threads_open_exactly_as_many_connections_as_they_are() {
    for workers in [1, 4, 8] {
        work(workers, 200).await;
    }
}

#[tokio::test]
async fn who_waits_is_served_in_order_of_arrival() {
    let gate = Signal::new();
    let hold = gate.clone();
    let server = MemoryServer::handler(move |_| ok().wait_for(&hold));
    let connector = Arc::new(server.clone());
    let client = HttpClient::builder("http://memory")
        .connector(connector)
        .max_connections(2)
        .build()
        .expect("a client");
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        tasks.spawn(async move {
            client
                .get(&format!("/{number}"))
                .await
                .expect("an answer")
                .bytes()
                .await
        });
        // One turn of the current-thread scheduler lets the new task reach the queue.
        tokio::task::yield_now().await;
    }
    server.wait_until(|stats| stats.requests == 2).await;
    gate.fire();
    tasks.join_all().await;
    let order: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    let expected: Vec<_> = (0..20).map(|number| format!("/{number}")).collect();
    assert_eq!(order, expected);
}

/// Opens `count` connections by as many requests at once, and leaves all of them idle.
async fn open_at_once(client: &HttpClient, server: &MemoryServer, gate: &Signal, count: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        tasks.spawn(async move { ask(&client).await });
    }
    server.wait_until(|stats| stats.requests >= count).await;
    gate.fire();
    tasks.join_all().await;
}

fn gated() -> (MemoryServer, Signal) {
    let gate = Signal::new();
    let hold = gate.clone();
    (MemoryServer::handler(move |_| ok().wait_for(&hold)), gate)
}

#[tokio::test(start_paused = true)]
async fn idle_connections_above_five_are_closed_after_ten_seconds_and_the_rest_after_sixty() {
    let (server, gate) = gated();
    let (client, counting) = in_memory(&server);
    open_at_once(&client, &server, &gate, 8).await;
    assert_eq!(counting.open(), 8);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(counting.open(), 8);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(counting.open(), 5);
    sleep(Duration::from_secs(48)).await;
    assert_eq!(counting.open(), 5);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(counting.open(), 0);
    server.wait_until(|stats| stats.open == 0).await;
    ask(&client).await;
    assert_eq!(counting.opened(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_surplus_that_comes_later_is_closed_in_time_too() {
    let (server, gate) = gated();
    let (client, counting) = in_memory(&server);
    open_at_once(&client, &server, &gate, 1).await;
    sleep(Duration::from_secs(15)).await;
    let again = server.stats().requests;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        tasks.spawn(async move { client.get("/").await.expect("an answer") });
    }
    // Held until all eight have their own connection.
    let answers = tasks.join_all().await;
    assert_eq!((server.stats().requests, counting.open()), (again + 8, 8));
    for answer in answers {
        answer.bytes().await.expect("a body");
    }
    sleep(Duration::from_secs(21)).await;
    assert_eq!(counting.open(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_steady_load_of_eight_never_reconnects() {
    let (server, gate) = gated();
    let (client, counting) = in_memory(&server);
    open_at_once(&client, &server, &gate, 8).await;
    // All eight pause between their requests, so that every round leaves eight idle.
    for _ in 0..100 {
        sleep(Duration::from_secs(2)).await;
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let client = client.clone();
            tasks.spawn(async move { ask(&client).await });
        }
        tasks.join_all().await;
    }
    assert_eq!(counting.opened(), 8);
}

#[tokio::test(start_paused = true)]
async fn the_most_recently_used_connection_is_taken_first() {
    let (server, gate) = gated();
    let (client, counting) = in_memory(&server);
    open_at_once(&client, &server, &gate, 4).await;
    // One caller every 20 seconds needs one connection, so the others grow old.
    for _ in 0..4 {
        sleep(Duration::from_secs(20)).await;
        ask(&client).await;
    }
    assert_eq!((counting.open(), counting.opened()), (1, 4));
    let last: Vec<_> = server
        .requests()
        .iter()
        .rev()
        .take(4)
        .map(|request| request.connection)
        .collect();
    assert!(last.iter().all(|connection| *connection == last[0]), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_settings() {
    let (server, gate) = gated();
    let counting = CountingConnector::over(Arc::new(server.clone()));
    let client = HttpClient::builder("http://memory")
        .connector(Arc::new(counting.clone()))
        .max_connections(3)
        .max_idle(1)
        .idle_timeout(Duration::from_secs(20))
        .build()
        .expect("a client");
    let mut tasks = JoinSet::new();
    for _ in 0..9 {
        let client = client.clone();
        tasks.spawn(async move { ask(&client).await });
    }
    server.wait_until(|stats| stats.requests == 3).await;
    gate.fire();
    tasks.join_all().await;
    assert_eq!((counting.opened(), counting.high_water()), (3, 3));
    sleep(Duration::from_secs(11)).await;
    assert_eq!(counting.open(), 1);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(counting.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_slot_is_no_waiting_for_an_answer() {
    let server = MemoryServer::handler(|_| ok().delay(Duration::from_secs(50)));
    let client = HttpClient::builder("http://memory")
        .connector(Arc::new(server))
        .max_connections(1)
        .first_byte_timeout(Duration::from_secs(60))
        .total_timeout(Some(Duration::from_secs(60)))
        .build()
        .expect("a client");
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let client = client.clone();
        tasks.spawn(async move { ask(&client).await });
    }
    tasks.join_all().await;
    assert_eq!(start.elapsed().as_secs(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_idled_too_long_is_closed_before_another_takes_its_place() {
    let server = MemoryServer::handler(|_| ok());
    let counting = CountingConnector::over(Arc::new(server.clone()));
    let idle = Duration::from_secs(5);
    let client = HttpClient::builder("http://memory")
        .connector(Arc::new(counting.clone()))
        .max_connections(1)
        .idle_timeout(idle)
        .build()
        .expect("a client");
    ask(&client).await;
    // At the very moment at which the connection is closed, and after the one who closes it.
    let asked = tokio::spawn(async move {
        sleep(idle).await;
        ask(&client).await;
    });
    asked.await.expect("an answer");
    assert_eq!((counting.opened(), counting.high_water()), (2, 1), "{counting:?}");
}
