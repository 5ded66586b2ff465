//! The store that the settings name.

mod lazy;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use ingest_config::Settings;
use ingest_core::{Error, ErrorKind, Store, StoredChunk};

use crate::failure::{Failure, Result, Status};
use lazy::LazyStore;

/// Chunks asked of the store at a time.
const PAGE: usize = 256;

/// The store, if there is one already. Nothing is made by looking.
pub(crate) async fn find(settings: &Settings) -> Result<Option<Arc<dyn Store>>> {
    Ok(ingest_store::find(settings.store_url().as_str()).await?)
}

/// The store, if there is one already, for a run that is going to write: one of an older form is brought up to date.
pub(crate) async fn find_to_write(settings: &Settings) -> Result<Option<Arc<dyn Store>>> {
    Ok(ingest_store::find_to_write(settings.store_url().as_str()).await?)
}

/// The store, in a database that the reference's pipeline filled.
pub(crate) async fn adopt(settings: &Settings) -> Result<Arc<dyn Store>> {
    Ok(ingest_store::adopt(settings.store_url().as_str()).await?)
}

/// The store, which must exist.
pub(crate) async fn existing(settings: &Settings) -> Result<Arc<dyn Store>> {
    find(settings).await?.ok_or_else(|| {
        Failure::new(
            Status::Stopped,
            format!("there is no store at {}", settings.store_url()),
        )
        .hint("`ingest run DIR` makes one; `--store URL` names another")
    })
}

/// The store, made when a run begins.
pub(crate) fn to_make(settings: &Settings) -> Arc<dyn Store> {
    Arc::new(LazyStore::new(settings.store_url()))
}

/// Shows every chunk that can be found, in order of source and position, until `take` has seen enough.
///
/// # Errors
/// The store cannot be read, or its chunks are out of order; and those of `take`.
pub(crate) async fn each_chunk(
    store: &dyn Store,
    mut take: impl FnMut(&StoredChunk) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut last: Option<(String, u32)> = None;
    loop {
        let after = last.as_ref().map(|(source, ordinal)| (source.as_str(), *ordinal));
        let page = store.chunks(after, PAGE).await?;
        let Some(end) = page.last() else {
            return Ok(());
        };
        let end = Some((end.source.clone(), end.chunk.ordinal));
        if end <= last {
            // A damaged index could send us round in circles, filling whatever we write to.
            let message = format!("the chunks in {} are out of order", store.location());
            return Err(Error::new(ErrorKind::Corrupt, message).into());
        }
        last = end;
        for stored in &page {
            if take(stored)?.is_break() {
                return Ok(());
            }
        }
    }
}

/// The file behind an address; `None` for a store on a server.
fn file(url: &str) -> Option<PathBuf> {
    match url.strip_prefix("sqlite:") {
        Some(path) => Some(path.strip_prefix("//").unwrap_or(path).into()),
        None if url.contains("://") => None,
        None => Some(url.into()),
    }
}

/// The files that are the store's own, and never documents.
pub(crate) fn files(settings: &Settings) -> Vec<PathBuf> {
    let Some(path) = file(settings.store_url().as_str()) else {
        return Vec::new();
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    let beside = |suffix| {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    ["", "-wal", "-shm", "-journal", ".lock"].map(beside).to_vec()
}
