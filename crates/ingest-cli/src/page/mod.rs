//! `--report`: a page that shows what a run did, for people. It is written when the run begins, to see that it can be,
//! and when the run ends, however it ends.

mod axis;
mod bins;
mod causes;
mod chart;
mod document;
mod ending;
mod figures;
mod histogram;
mod html;
mod map;
mod pca;
mod sections;
mod slowest;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embed_core::{Embedder, Usage};
use ingest_core::Store;
use ingest_pipeline::{Event, Observer, RunReport};
use jiff::Timestamp;

use self::ending::Ending;
use self::figures::Figures;
use self::sections::Content;
use self::survey::Survey;
use crate::console::{Console, Level};
use crate::failure::{Failure, Result, Status};
use crate::whole_file;

/// How long the store may be read for the map, and when somebody waits for the run to end.
const LONGEST: Duration = Duration::from_secs(60);
const HASTE: Duration = Duration::from_secs(3);

/// The page of a run.
#[derive(Debug)]
pub(crate) struct Page {
    file: PathBuf,
    console: Arc<Console>,
    started: String,
    figures: Mutex<Figures>,
    subject: Mutex<Option<Subject>>,
}

/// What the run works with, once that is known.
#[derive(Clone, Debug)]
struct Subject {
    store: Arc<dyn Store>,
    embedder: Arc<dyn Embedder>,
    /// What the embedder had counted before.
    before: Usage,
    chunk_size: usize,
}

impl Page {
    /// Writes the page for the first time: that the run has not ended.
    ///
    /// # Errors
    /// Wrong usage: the file cannot be written.
    pub(crate) fn begin(file: &Path, console: &Arc<Console>) -> Result<Arc<Self>> {
        let page = Self {
            file: file.to_owned(),
            console: Arc::clone(console),
            started: Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            figures: Mutex::new(Figures::new()),
            subject: Mutex::new(None),
        };
        page.write(&Ending::open(), None).map_err(|error| {
            Failure::usage(format!("cannot write the report to {}: {error}", file.display()))
                .hint("`--report` names a file in a folder that is there")
        })?;
        Ok(Arc::new(page))
    }

    /// Takes note of what the run works with.
    pub(crate) fn follow(
        &self,
        store: &Arc<dyn Store>,
        embedder: &Arc<dyn Embedder>,
        workers: usize,
        chunk_size: usize,
    ) {
        let model = embedder.model();
        let mut figures = locked(&self.figures);
        figures.workers = workers;
        figures.model = Some((model.provider.clone(), model.model.clone()));
        *locked(&self.subject) = Some(Subject {
            store: Arc::clone(store),
            embedder: Arc::clone(embedder),
            before: embedder.usage(),
            chunk_size,
        });
    }

    /// Takes over what the run says at its end.
    pub(crate) fn report(&self, report: &RunReport) {
        locked(&self.figures).report(report);
    }

    /// Writes the page of a run that is over. Where that fails, it is told.
    pub(crate) async fn end(&self, result: Result<Status, &Failure>) {
        let subject = locked(&self.subject).clone();
        let mut survey = None;
        if let Some(subject) = subject {
            locked(&self.figures).usage = subject.embedder.usage() - subject.before;
            let time = if matches!(result, Ok(Status::Signal(_))) {
                HASTE
            } else {
                LONGEST
            };
            survey = self.survey(&subject, time).await;
        }
        let ending = Ending::of(result, &locked(&self.figures));
        let file = self.file.display();
        match self.write(&ending, survey.as_ref()) {
            Ok(()) => self
                .console
                .tell(Level::Normal, &format!("the report is in {file}")),
            Err(error) => self
                .console
                .warn(&format!("the report could not be written to {file}: {error}")),
        }
    }

    async fn survey(&self, subject: &Subject, time: Duration) -> Option<Survey> {
        let survey = survey::survey(&*subject.store, Some(&*subject.embedder), time).await;
        survey
            .inspect_err(|failure| {
                let cause = failure.message.as_deref().unwrap_or_default();
                self.console.warn(&format!("the report has no map: {cause}"));
            })
            .ok()
    }

    fn write(&self, ending: &Ending, survey: Option<&Survey>) -> std::io::Result<()> {
        let figures = locked(&self.figures);
        let duration = figures.report.as_ref().map(|report| report.duration);
        let content = Content {
            figures: &figures,
            ending,
            started: &self.started,
            duration: duration.unwrap_or_else(|| figures.clock.elapsed()),
            chunk_size: locked(&self.subject)
                .as_ref()
                .map_or(0, |subject| subject.chunk_size),
            survey,
        };
        whole_file::replace(&self.file, &document::render(&content))
    }
}

impl Observer for Page {
    fn event(&self, event: &Event<'_>) {
        locked(&self.figures).hear(event);
    }
}

/// Numbers are whole whatever happened to the thread that held the lock.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
