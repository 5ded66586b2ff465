//! `ingest man`: the manual, made from the grammar.

use std::path::Path;
use std::{fs, io};

use clap::CommandFactory;
use serde_json::json;

use crate::args::{Cli, Format, Man};
use crate::failure::{Failure, Result, Status};
use crate::output::Output;
use crate::style::one_line;

/// What the page of `ingest` itself says beside the grammar.
const SECTIONS: &str = r#".SH "EXIT STATUS"
.TP
0
All done.
.TP
1
It went to its end, but something failed, or there is nothing that \fBexplain\fR could tell.
.TP
2
Wrong usage or settings: nothing was touched.
.TP
3
It could not start or go on: server, model, key or store. What was stored stays.
.TP
130, 143
Interrupted. Finished work is stored, the next run goes on from there.
.SH ENVIRONMENT
Every setting is also taken from the variable of its name in capitals behind BBJ_RAG_, such as
BBJ_RAG_EMBEDDING_MODEL. OLLAMA_HOST, OPENAI_API_KEY and others that are usual are read where these are not set;
NO_COLOR turns colors off.
.SH FILES
.TP
config.toml
Settings, read in the current folder. \fBingest config init\fR writes one with all of them, commented out.
.TP
\&.ingest/index.db
The store, where no other is named.
.TP
\&.ingestion-failures.json
What failed, one JSON object a line.
"#;

/// A page and the name of its file.
struct Page {
    file: String,
    text: Vec<u8>,
}

pub(crate) fn man(args: &Man, output: &mut Output) -> Result<Status> {
    let pages = pages()?;
    match &args.folder {
        Some(folder) => {
            write(&pages, folder).map_err(|error| {
                let folder = folder.display();
                Failure::usage(format!("cannot write the manual to {folder}: {error}"))
            })?;
            tell(pages.len(), folder, output)?;
        }
        // The page of the program itself comes first.
        None => {
            for page in pages.iter().take(1) {
                output.line(String::from_utf8_lossy(&page.text).trim_end())?;
            }
        }
    }
    output.finish()?;
    Ok(Status::Done)
}

fn write(pages: &[Page], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages
        .iter()
        .try_for_each(|page| fs::write(folder.join(&page.file), &page.text))
}

fn tell(pages: usize, folder: &Path, output: &mut Output) -> io::Result<()> {
    let folder = folder.display().to_string();
    match output.format {
        Format::Json => output.json(&json!({"folder": folder, "pages": pages})),
        Format::Text => output.line(&format!("wrote {pages} pages to {}", one_line(&folder))),
    }
}

/// A page for the program and one for each command that help lists.
fn pages() -> io::Result<Vec<Page>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    // Names of pages and flags of every command are known only then.
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    for page in pages.iter_mut().take(1) {
        page.text.extend_from_slice(SECTIONS.as_bytes());
    }
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    pages.push(Page {
        file: page.get_filename(),
        text,
    });
    let listed = command.get_subcommands().filter(|command| !command.is_hide_set());
    for command in listed {
        add(command, pages)?;
    }
    Ok(())
}
