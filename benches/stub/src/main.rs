//! An embedding server that costs next to nothing, so that what is measured is the client: `stub DIMENSIONS [MS_PER_TEXT
//! SLOTS]`. It prints its address and ends with its standard input.
//!
//! It speaks as much of Ollama and OpenAI as a client asks for. `GET /stats` tells what it saw since `POST /reset`.

mod answers;
mod slots;

use std::cell::RefCell;
use std::convert::Infallible;
use std::env;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use answers::{Answers, Asked};
use slots::Slots;

/// What the server saw.
#[derive(Debug, Default, Serialize)]
struct Stats {
    connections: u64,
    requests: u64,
    texts: u64,
    /// Seconds that all slots together were at work.
    busy: f64,
}

struct Server {
    answers: RefCell<Answers>,
    slots: RefCell<Slots>,
    stats: RefCell<Stats>,
}

fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let dimensions = args.next().context("expected DIMENSIONS")?.parse()?;
    let per_text: f64 = args.next().map_or(Ok(0.0), |text| text.parse())?;
    let slots = args.next().map_or(Ok(1), |text| text.parse())?;
    let server = Rc::new(Server {
        answers: RefCell::new(Answers::new(dimensions)),
        slots: RefCell::new(Slots::new(slots, Duration::from_secs_f64(per_text / 1e3))),
        stats: RefCell::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        tokio::select! {
            result = accept(listener, server) => result,
            _ = until_nobody_listens() => Ok(()),
        }
    })
}

async fn until_nobody_listens() {
    let mut rest = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
}

async fn accept(listener: TcpListener, server: Rc<Server>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        server.stats.borrow_mut().connections += 1;
        let server = Rc::clone(&server);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let server = Rc::clone(&server);
                async move { Ok::<_, Infallible>(server.answer(request).await) }
            });
            // A client that goes away is no fault of this server.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return refusal(StatusCode::BAD_REQUEST, "the body was cut");
        };
        let body = body.to_bytes();
        match (parts.method, parts.uri.path()) {
            (Method::POST, "/api/embed") => self.embed(&body, false).await,
            (Method::POST, "/v1/embeddings") => self.embed(&body, true).await,
            (Method::GET, "/api/version") => said(&json!({"version": "0.17.4"})),
            (Method::GET, "/api/tags") => said(&json!({"models": [{
                "name": "bench:latest", "model": "bench:latest", "digest": "0".repeat(64), "size": 1,
                "modified_at": "2026-01-01T00:00:00Z", "details": {"family": "bench"}
            }]})),
            (Method::POST, "/api/show") => said(&json!({
                "details": {"family": "bench"},
                "model_info": {
                    "general.architecture": "bench",
                    "bench.context_length": 8192,
                    "bench.embedding_length": self.answers.borrow().dimensions()
                },
                "capabilities": ["embedding"]
            })),
            (Method::GET, "/stats") => said(&json!(*self.stats.borrow())),
            (Method::POST, "/reset") => {
                *self.stats.borrow_mut() = Stats::default();
                said(&json!({}))
            }
            (_, path) => refusal(StatusCode::NOT_FOUND, path),
        }
    }

    async fn embed(&self, body: &[u8], openai: bool) -> Response<Full<Bytes>> {
        let asked = match serde_json::from_slice::<Asked>(body) {
            Ok(asked) => asked,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let texts = asked.input.0;
        let (answer, done) = {
            let mut stats = self.stats.borrow_mut();
            let mut slots = self.slots.borrow_mut();
            stats.requests += 1;
            stats.texts += texts as u64;
            let (done, busy) = slots.take(texts);
            stats.busy += busy.as_secs_f64();
            (self.answers.borrow_mut().render(&asked, openai, body.len()), done)
        };
        if let Some(done) = done {
            tokio::time::sleep_until(done).await;
        }
        Response::new(Full::new(answer))
    }
}

fn said(value: &serde_json::Value) -> Response<Full<Bytes>> {
    Response::new(Full::new(value.to_string().into()))
}

fn refusal(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    let mut response = said(&json!({"error": why}));
    *response.status_mut() = status;
    response
}
