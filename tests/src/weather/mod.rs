//! A server that misbehaves by a seed, and what must hold of a run in its weather.
//!
//! [`Plan`] says what one seed is like: which server it is, how the run is set up, and how the weather goes. [`Weather`]
//! plays it: it answers with the true vectors of the fake embedder, except where a fault is drawn, and counts what it
//! did. [`Harbour`] puts it behind a real embedder, in memory or on a socket. [`Trial`] makes runs and checks them.
//!
//! Faults are rationed so that the outcome is known: no text meets so many of them that a run may rightly give it up.
//! A run in survivable weather must therefore end as one in fair weather does, and what it sets aside is what the
//! model itself refuses.

mod answer;
mod calls;
mod counts;
mod gate;
mod harbour;
mod kind;
mod library;
mod model;
mod plan;
mod play;
mod ration;
mod seeds;
mod spoil;
mod trial;
mod voyage;

pub use calls::call;
pub use counts::Counts;
pub use gate::Gate;
pub use harbour::{Harbour, Place};
pub use kind::{Effect, Kind};
pub use library::{Library, Poison};
pub use plan::{Dialect, End, Pace, Plan, Sky};
pub use play::Weather;
pub use seeds::for_each_seed;
pub use trial::{Export, Trial};
pub use voyage::{end, survive, trace};

/// Values per vector.
pub const DIMENSIONS: usize = 8;

/// Bytes of the longest text that the model reads.
pub const LONGEST_TEXT: usize = 500;
