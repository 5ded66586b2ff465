//! `ingest run --watch`: a run, and another one whenever something changed. Each is an ordinary run over all sources, so
//! that what holds for one holds here; between them the store is closed, and others may write to it. Files that did not
//! change are read and hashed: 10,000 small ones take about half a second.

mod files;
mod when;

use std::path::Path;
use std::sync::Arc;

use ingest_pipeline::Scope;

use crate::args::{Global, Run};
use crate::commands::run;
use crate::console::{Console, Level};
use crate::failure::{Failure, Result, Status};
use crate::output::Output;
use crate::rounds::Rounds;
use files::{Files, SHORT};
use when::Pauses;

/// Runs until a signal comes, or until the first round shows that it can't work.
pub(crate) async fn watch(
    args: &Run,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
) -> Result<Status> {
    if args.input.jsonl.iter().any(|path| path == Path::new("-")) {
        return Err(Failure::usage(
            "`--watch` cannot be used with `--jsonl -`: standard input is read once",
        ));
    }
    let mut rounds = Rounds::watching(console);
    let mut watch = Watch {
        console,
        files: Files::default(),
        pauses: Pauses::new(),
        told: None,
        warned: None,
    };
    loop {
        // Before the round, so that what changes while it goes on is heard.
        watch.follow(|| run::scope(args, global));
        let result = run::round(args, global, console, output, &mut rounds).await;
        match result {
            Ok(status @ Status::Signal(_)) => return Ok(status),
            Err(failure) if failure.message.is_none() => return Err(failure),
            Err(failure) if rounds.is_first() && failure.status == Status::Usage => return Err(failure),
            result => {
                let cancelled = rounds.cancelled();
                tokio::select! {
                    () = watch.rest(result) => {}
                    () = cancelled => return Ok(rounds.interrupted()),
                }
            }
        }
    }
}

/// What goes on between rounds.
struct Watch<'a> {
    console: &'a Console,
    files: Files,
    pauses: Pauses,
    /// Why the last round failed: it is told once as long as it stays.
    told: Option<String>,
    /// Why changes are not heard, likewise.
    warned: Option<String>,
}

impl Watch<'_> {
    /// Sees to it that changes are heard.
    fn follow(&mut self, scope: impl FnOnce() -> Result<Scope>) {
        self.files.begin_round();
        if !self.files.is_stale() {
            return;
        }
        // Where the sources do not work, the round says so.
        let Ok(scope) = scope() else {
            self.files.give_up();
            return;
        };
        if let Err(error) = self.files.watch(scope) {
            self.files.give_up();
            self.cannot_watch(&error);
        }
    }

    fn cannot_watch(&mut self, error: &str) {
        if replaced(&mut self.warned, Some(error)) {
            let seconds = when::POLL.as_secs();
            self.console.warn(&format!(
                "changes cannot be watched: {error}; looking every {seconds} s instead"
            ));
        }
    }

    /// Waits for the next round.
    async fn rest(&mut self, result: Result<Status>) {
        let failed = match result {
            Ok(status) => status == Status::Stopped,
            Err(failure) => {
                if replaced(&mut self.told, failure.message.as_deref()) {
                    self.console.failure(&failure);
                }
                true
            }
        };
        if failed {
            let pause = self.pauses.next();
            self.console
                .tell(Level::More, &format!("trying again in {} s", pause.as_secs()));
            tokio::time::sleep(pause).await;
            return;
        }
        self.pauses.reset();
        self.told = None;
        if self.files.ran_short() {
            self.cannot_watch(SHORT);
        }
        when::due(&self.files.heard().changes, self.files.longest()).await;
    }
}

/// Puts a message in the place of another; returns whether it differs.
fn replaced(last: &mut Option<String>, message: Option<&str>) -> bool {
    let is_new = last.as_deref() != message;
    *last = message.map(str::to_owned);
    is_new
}
