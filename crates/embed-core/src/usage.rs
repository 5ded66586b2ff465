//! What a provider has done so far.

use std::ops::{Add, Sub};

/// Counters since an embedder was made; its clones share them. A provider without a server leaves them at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that were tries after the first.
    pub retries: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Requests that went over a connection already open.
    pub connections_reused: u64,
    /// Bytes sent: request heads and bodies.
    pub bytes_sent: u64,
    /// Bytes received: answer bodies.
    pub bytes_received: u64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            retries: self.retries + other.retries,
            connections_opened: self.connections_opened + other.connections_opened,
            connections_reused: self.connections_reused + other.connections_reused,
            bytes_sent: self.bytes_sent + other.bytes_sent,
            bytes_received: self.bytes_received + other.bytes_received,
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    /// What was done since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            retries: self.retries.saturating_sub(earlier.retries),
            connections_opened: self.connections_opened.saturating_sub(earlier.connections_opened),
            connections_reused: self.connections_reused.saturating_sub(earlier.connections_reused),
            bytes_sent: self.bytes_sent.saturating_sub(earlier.bytes_sent),
            bytes_received: self.bytes_received.saturating_sub(earlier.bytes_received),
        }
    }
}
