//! Every store passes the suite of `ingest-core`.

use std::sync::Arc;

use async_trait::async_trait;
use ingest_core::Store;
use ingest_core::testing::store_suite::Place;
use ingest_store::MemoryStore;

struct Memory(MemoryStore);

#[async_trait]
impl Place for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

mod memory {
    macro_rules! tests {
        ($($name:ident),+) => { $(
            #[tokio::test]
            async fn $name() {
                let place = super::Memory(super::MemoryStore::new());
                ingest_core::testing::store_suite::$name(&place).await;
            }
        )+ };
    }
    ingest_core::store_checks!(tests);
}

#[cfg(feature = "sqlite")]
struct Sqlite(tempfile::TempDir);

#[cfg(feature = "sqlite")]
#[async_trait]
impl Place for Sqlite {
    async fn open(&self) -> Arc<dyn Store> {
        let url = format!("sqlite:{}", self.0.path().join("folder/index.db").display());
        ingest_store::open(&url).await.expect("a store in a new folder")
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    macro_rules! tests {
        ($($name:ident),+) => { $(
            #[tokio::test]
            async fn $name() {
                let place = super::Sqlite(tempfile::tempdir().expect("a folder"));
                ingest_core::testing::store_suite::$name(&place).await;
            }
        )+ };
    }
    ingest_core::store_checks!(tests);
}
