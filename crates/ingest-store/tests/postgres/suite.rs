//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use ingest_core::Store;
use ingest_core::testing::store_suite::{self, Place};

use crate::Test;
use ingest_store::testing::Database;

struct Home(Database);

#[async_trait]
impl Place for Home {
    async fn open(&self) -> Arc<dyn Store> {
        self.0.store().await
    }
}

pub(crate) fn tests() -> Vec<(&'static str, Test)> {
    macro_rules! list {
        ($($name:ident),+) => {
            vec![$((
                concat!("suite::", stringify!($name)),
                (|database| Box::pin(async move { store_suite::$name(&Home(database)).await })) as Test,
            )),+]
        };
    }
    ingest_core::store_checks!(list)
}
