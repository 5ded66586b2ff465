//! One file a command; each reads its flags, does its work and writes its result.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod man;
#[cfg(feature = "pdf")]
pub(crate) mod read_pdf;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod status;
