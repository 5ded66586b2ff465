//! `ingest export`: every stored chunk as a line of JSON.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::args::Global;
use crate::console::Console;
use crate::failure::{Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::Output;
use crate::store;

#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    ordinal: u32,
    title: &'a str,
    heading_path: &'a [String],
    context_header: &'a str,
    text: &'a str,
    content_hash: String,
    model: &'a str,
    /// `null` for a text that is found by words alone.
    vector: Option<&'a [f32]>,
}

pub(crate) async fn export(global: &Global, console: &Console, output: &mut Output) -> Result<Status> {
    let settings = Layers::new(global).load()?;
    warn_of_slips(&settings, console);
    let store = store::existing(&settings).await?;
    let identity = store.identity().await?;
    let model = identity.as_ref().map_or("", |identity| &identity.model);
    store::each_chunk(&*store, |stored| {
        output.json(&Line {
            source: &stored.source,
            ordinal: stored.chunk.ordinal,
            title: &stored.title,
            heading_path: &stored.chunk.heading_path,
            context_header: &stored.chunk.context_header,
            text: &stored.chunk.text,
            content_hash: stored.chunk.content_hash.to_string(),
            model,
            vector: stored.vector.as_deref(),
        })?;
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    output.finish()?;
    Ok(Status::Done)
}
