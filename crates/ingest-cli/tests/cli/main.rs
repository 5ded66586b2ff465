//! The binary as users and scripts meet it: every command, flag and exit status.

mod auto;
mod canary;
mod config;
mod doctor;
mod dry_run;
mod embed;
mod explain;
mod export;
mod failures;
mod hostile;
mod hosts;
mod interrupt;
mod kill;
mod logs;
mod memory;
mod metrics;
#[cfg(feature = "pdf")]
mod pdf;
mod report;
mod run;
mod search;
mod secrets;
mod server;
mod sources;
mod together;
mod too_long;
mod usage;
mod watch;
mod work;
