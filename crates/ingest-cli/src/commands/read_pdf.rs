//! `ingest read-pdf`: the process that `ingest run` starts to read a PDF in. No command for people.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ingest_pipeline::{PdfReader, serve_pdf};

use crate::failure::{Failure, Result, Status};

#[derive(Debug, Args)]
pub(crate) struct ReadPdf {
    /// How many bytes of text are wanted.
    #[arg(value_name = "BYTES")]
    max: u64,

    /// Seconds after which to give up; a minute at most.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

/// Reads a PDF from standard input and answers on standard output.
pub(crate) fn read_pdf(args: &ReadPdf) -> Result<Status> {
    serve_pdf(args.max, Duration::from_secs(args.seconds))
        .map_err(|error| Failure::new(Status::Stopped, format!("cannot read a PDF here: {error}")))?;
    Ok(Status::Done)
}

/// This program, as the one that reads PDF files. Where it cannot be found, threads have to do.
pub(crate) fn reader() -> PdfReader {
    let program = if cfg!(target_os = "linux") {
        // Also finds a program whose file was replaced while it runs.
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    };
    match program {
        Ok(program) => PdfReader::Process(vec![program.into(), OsString::from("read-pdf")]),
        Err(_) => PdfReader::Thread,
    }
}
