//! How a run ends before its end, from within or without.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Cancel, Stop};

/// Why a run ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Somebody asked for it.
    Interrupted,
    /// It can't go on.
    Stopped(Stop),
}

/// Tells all stages to end. The first reason stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halt {
    reason: Arc<Mutex<Option<Reason>>>,
    signal: Cancel,
}

impl Halt {
    pub(crate) fn halt(&self, reason: Reason) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(reason);
        drop(first);
        self.signal.cancel();
    }

    pub(crate) fn stop(&self, kind: &str, message: String) {
        self.halt(Reason::Stopped(Stop {
            kind: kind.to_owned(),
            message,
        }));
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.signal.is_cancelled()
    }

    pub(crate) async fn halted(&self) {
        self.signal.cancelled().await;
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
