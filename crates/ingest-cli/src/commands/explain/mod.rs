//! `ingest explain`: what became of a document or a chunk, and why.

mod chunk;
mod document;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use embed_providers::{choose_provider, create_provider};
use ingest_config::Settings;
use ingest_core::{ContentHash, Store};
use ingest_pipeline::{ChunkPlace, ChunkState, Failure, FailureLog, HashPrefix, LogContents, RunOptions};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{Explain, Global};
use crate::console::{Console, Level};
use crate::failure::{self, Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::Output;
use crate::store;

/// What is asked, with everything that may know of it.
struct Asked {
    settings: Settings,
    store: Option<Arc<dyn Store>>,
    log: LogContents,
    /// How a run would cut documents; `None` where the model, and so its way to count tokens, is not known.
    recipe: Option<ContentHash>,
    here: PathBuf,
}

pub(crate) async fn explain(
    args: &Explain,
    global: &Global,
    console: &Console,
    output: &mut Output,
) -> Result<Status> {
    let settings = Layers::new(global).load()?;
    warn_of_slips(&settings, console);
    let store = store::find(&settings).await?;
    let asked = Asked {
        recipe: match &store {
            Some(store) => recipe(&settings, store.as_ref()).await?,
            None => None,
        },
        store,
        log: read_log(&settings).await?,
        here: std::env::current_dir().map_err(|error| {
            failure::Failure::usage(format!("the current folder cannot be used: {error}"))
        })?,
        settings,
    };
    if asked.here.join(&args.what).is_dir() {
        let folder = args.what.display();
        return Err(failure::Failure::usage(format!("{folder} is a folder")).hint("name one of its files"));
    }
    if asked.store.is_none() {
        let url = asked.settings.store_url();
        console.tell(Level::Normal, &format!("there is no store at {url} yet"));
    }
    let document = document::look(&asked, &args.what).await?;
    // What looks like a hash may be a name as well.
    let found = match args.what.to_str().and_then(HashPrefix::parse) {
        Some(prefix) if !document.is_known() => chunk::explain(&asked, &prefix, output).await?,
        _ => {
            if document.is_known() {
                document.write(output)?;
            }
            document.is_known()
        }
    };
    output.finish()?;
    if found {
        return Ok(Status::Done);
    }
    console.tell(
        Level::Normal,
        &format!(
            "nothing is known of {}: it is no file, no document of the store, and the failure log does not name it",
            args.what.display()
        ),
    );
    Ok(Status::Fault)
}

/// How a run with the store's model would cut documents. No server is asked.
async fn recipe(settings: &Settings, store: &dyn Store) -> Result<Option<ContentHash>> {
    let Some(identity) = store.identity().await? else {
        return Ok(None);
    };
    let names = (&*identity.provider, &*identity.model);
    // A run with these settings would fail; what keeps it from starting is not asked here.
    let Ok(choice) = choose_provider(settings, Some(names)).await else {
        return Ok(None);
    };
    let Ok(embedder) = create_provider(&choice.settings(settings)) else {
        return Ok(None);
    };
    let mut options = RunOptions::new(Vec::new(), "/");
    options.chunk_size = settings.chunking.size;
    options.chunk_overlap = settings.chunking.overlap;
    Ok(Some(ingest_pipeline::recipe(&options, &embedder)?))
}

async fn read_log(settings: &Settings) -> Result<LogContents> {
    let log = FailureLog::new(&settings.run.failure_log);
    let path = log.path().display().to_string();
    let read = tokio::task::spawn_blocking(move || log.read()).await;
    read.unwrap_or_else(|stopped| Err(stopped.into()))
        .map_err(|error| {
            let message = format!("cannot read the failure log {path}: {error}");
            failure::Failure::new(Status::Stopped, message)
        })
}

/// A time, for people.
fn moment(at: SystemTime) -> Option<String> {
    let at = Timestamp::try_from(at).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A chunk that was set aside, with its cause.
fn cause(place: &ChunkPlace) -> Option<String> {
    let ChunkState::SetAside(failure) = &place.state else {
        return None;
    };
    let status = failure
        .status
        .map(|status| format!("HTTP {status}, "))
        .unwrap_or_default();
    let tries = if failure.attempts == 1 { "try" } else { "tries" };
    Some(format!(
        "{}: {} ({status}{} {tries})",
        failure.kind, failure.message, failure.attempts
    ))
}

/// An entry of the failure log, for people.
fn entry(failure: &Failure) -> String {
    let at = failure.at.and_then(moment).map(|at| format!("{at} "));
    let chunk = failure.chunk.map(|chunk| format!("chunk {chunk}, "));
    let kind = if failure.kind.is_empty() {
        String::new()
    } else {
        format!("{}: ", failure.kind)
    };
    format!(
        "{}{}{kind}{}",
        at.unwrap_or_default(),
        chunk.unwrap_or_default(),
        failure.error
    )
}

fn entry_as_json(failure: &Failure) -> Value {
    let at = failure.at.and_then(|at| Timestamp::try_from(at).ok());
    json!({
        "source": failure.source,
        "chunk": failure.chunk,
        "content_hash": failure.content_hash.map(|hash| hash.to_string()),
        "kind": failure.kind,
        "error": failure.error,
        "status": failure.status,
        "attempts": failure.attempts,
        "at": at.map(|at| at.to_string()),
    })
}

fn place_as_json(place: &ChunkPlace) -> Value {
    let (state, failure) = match &place.state {
        ChunkState::Stored => ("stored", None),
        ChunkState::TextOnly => ("text_only", None),
        ChunkState::SetAside(failure) => ("set_aside", Some(failure)),
        _ => ("unknown", None),
    };
    json!({
        "source": place.source,
        "chunk": place.chunk.ordinal,
        "line_start": place.chunk.span.line_start,
        "line_end": place.chunk.span.line_end,
        "content_hash": place.chunk.content_hash.to_string(),
        "state": state,
        "stored_at": place.stored_at.and_then(|at| Timestamp::try_from(at).ok()).map(|at| at.to_string()),
        "kind": failure.map(|failure| &failure.kind),
        "error": failure.map(|failure| &failure.message),
        "status": failure.and_then(|failure| failure.status),
        "attempts": failure.map(|failure| failure.attempts),
    })
}
