//! The way to the server, which can be shut.

use std::io;
use std::sync::Arc;

use embed_http::{Connect, Connecting, Target};

use super::Weather;

/// Opens connections by another connector, and refuses them while the server is down.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<dyn Connect>,
    weather: Weather,
}

impl Gate {
    /// A gate before `inner` that `weather` shuts and opens.
    pub fn new(inner: Arc<dyn Connect>, weather: Weather) -> Self {
        Self { inner, weather }
    }
}

impl Connect for Gate {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            if self.weather.is_down() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            self.inner.connect(target).await
        })
    }
}
