//! `ingest status`: what the store holds.

use std::time::SystemTime;

use ingest_core::{RunInfo, StoreStatus};
use jiff::Timestamp;
use serde_json::json;

use crate::args::{Format, Global};
use crate::console::{Console, Level};
use crate::failure::{Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::{Output, bytes, counted, grouped};
use crate::store;
use crate::style::one_line;

pub(crate) async fn status(global: &Global, console: &Console, output: &mut Output) -> Result<Status> {
    let settings = Layers::new(global).load()?;
    warn_of_slips(&settings, console);
    let store = store::existing(&settings).await?;
    let status = store.status().await?;
    match output.format {
        Format::Json => output.json(&as_json(&store.location(), &status))?,
        Format::Text => as_text(&store.location(), &status, output)?,
    }
    output.finish()?;
    if status.failed > 0 {
        let failed = counted(status.failed, "chunk");
        console.tell(
            Level::Normal,
            &format!("{failed} failed: `ingest run --retry-failed` tries again"),
        );
    }
    Ok(Status::Done)
}

fn as_json(location: &str, status: &StoreStatus) -> serde_json::Value {
    let identity = status.identity.as_ref();
    json!({
        "store": location,
        "provider": identity.map(|identity| &identity.provider),
        "model": identity.map(|identity| &identity.model),
        "digest": identity.and_then(|identity| identity.digest.as_deref()),
        "dimensions": identity.map(|identity| identity.dimensions),
        "vector_weight": identity.map(|identity| identity.vector_weight),
        "documents": status.documents,
        "incomplete": status.incomplete,
        "chunks": status.chunks,
        "text_only": status.text_only,
        "failed": status.failed,
        "vectors": status.vectors,
        "bytes": status.bytes,
        "last_run": status.last_run.as_ref().map(|run| json!({
            "started": run.started.and_then(time),
            "finished": run.finished.and_then(time),
            "outcome": run.outcome,
            "description": run.description,
        })),
    })
}

fn as_text(location: &str, status: &StoreStatus, output: &mut Output) -> Result<()> {
    let model = match &status.identity {
        Some(identity) => format!("{} ({})", identity.model, identity.provider),
        None => "none yet".to_owned(),
    };
    let mut lines = vec![("store", location.to_owned()), ("model", model)];
    if let Some(identity) = &status.identity {
        lines.push(("dimensions", identity.dimensions.to_string()));
    }
    let incomplete = match status.incomplete {
        0 => String::new(),
        some => format!(", {} of them incomplete", grouped(some)),
    };
    let text_only = match status.text_only {
        0 => String::new(),
        some => format!(", {} of them found by words alone", grouped(some)),
    };
    lines.extend([
        ("documents", format!("{}{incomplete}", grouped(status.documents))),
        ("chunks", format!("{}{text_only}", grouped(status.chunks))),
        ("failures", grouped(status.failed)),
        ("size", bytes(status.bytes)),
        (
            "last run",
            status
                .last_run
                .as_ref()
                .map_or_else(|| "none yet".to_owned(), last_run),
        ),
    ]);
    for (name, value) in lines {
        let name = output.style.bold(&format!("{name:<11}"));
        output.line(&format!("{name} {}", one_line(&value)))?;
    }
    Ok(())
}

fn last_run(run: &RunInfo) -> String {
    let begun = run
        .started
        .and_then(time)
        .unwrap_or_else(|| "at an unknown time".to_owned());
    let ended = match run.finished {
        Some(_) => run.outcome.clone(),
        None => "still running, or killed".to_owned(),
    };
    let what = if run.description.is_empty() {
        String::new()
    } else {
        format!(": {}", run.description)
    };
    format!("{begun}, {ended}{what}")
}

/// To the second, in UTC.
fn time(at: SystemTime) -> Option<String> {
    let at = Timestamp::try_from(at).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
