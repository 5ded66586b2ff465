//! `ingest config`: the settings in force, and a file to set them in.

use std::io::ErrorKind;
use std::path::Path;

use ingest_config::{CONFIG_FILE, KEYS, Origin, Settings, sample_toml};
use serde_json::{Map, Value, json};

use crate::args::{ConfigCommand, Format, Global, Init};
use crate::console::{Console, Level};
use crate::failure::{Failure, Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::Output;
use crate::style::one_line;
use crate::whole_file;

pub(crate) fn config(
    command: &ConfigCommand,
    global: &Global,
    console: &Console,
    output: &mut Output,
) -> Result<Status> {
    match command {
        // What is set already has no part in it, and may be wrong.
        ConfigCommand::Init(args) => init(args, global, console, output)?,
        ConfigCommand::Show => show(&load(global, console)?, output)?,
        ConfigCommand::Path => path(&load(global, console)?, console, output)?,
    }
    output.finish()?;
    Ok(Status::Done)
}

fn load(global: &Global, console: &Console) -> Result<Settings> {
    let settings = Layers::new(global).load()?;
    warn_of_slips(&settings, console);
    Ok(settings)
}

fn show(settings: &Settings, output: &mut Output) -> Result<()> {
    if output.format == Format::Json {
        let entries: Map<String, Value> = settings
            .entries()
            .map(|entry| {
                let from = entry.provenance.from;
                let from = (entry.provenance.origin != Origin::Default).then_some(from);
                let origin = entry.provenance.origin.as_str();
                (
                    entry.key.to_owned(),
                    json!({"value": entry.value, "origin": origin, "from": from}),
                )
            })
            .collect();
        return Ok(output.json(&entries)?);
    }
    let rows: Vec<_> = settings
        .entries()
        .map(|entry| {
            let value = match &entry.value {
                Value::Null => "(not set)".to_owned(),
                Value::String(text) if text.is_empty() || text.trim() != text => format!("{text:?}"),
                Value::String(text) => one_line(text).into_owned(),
                other => other.to_string(),
            };
            vec![
                entry.key.to_owned(),
                value,
                one_line(&entry.provenance.to_string()).into_owned(),
            ]
        })
        .collect();
    Ok(output.table(&["setting", "value", "from"], &rows, &[])?)
}

fn init(args: &Init, global: &Global, console: &Console, output: &mut Output) -> Result<()> {
    let file = args.file.as_deref().or(global.config.as_deref());
    let file = file.unwrap_or(Path::new(CONFIG_FILE));
    let text = sample_toml();
    if file == Path::new("-") {
        return print(&text, output);
    }
    let replaced = write(file, &text, args.force)?;
    let name = file.display().to_string();
    match output.format {
        Format::Json => output.json(&json!({"file": name, "settings": KEYS.len(), "replaced": replaced}))?,
        Format::Text => output.line(&format!(
            "{} {}: {} settings, all commented out",
            if replaced { "replaced" } else { "wrote" },
            one_line(&name),
            KEYS.len()
        ))?,
    }
    let flag = if file == Path::new(CONFIG_FILE) {
        String::new()
    } else {
        format!(" --config {name}")
    };
    console.tell(
        Level::Normal,
        &format!("take the `# ` away before a setting to set it; `ingest{flag} config show` prints what is in force"),
    );
    Ok(())
}

fn print(text: &str, output: &mut Output) -> Result<()> {
    match output.format {
        Format::Json => output.json(&json!({"file": null, "settings": KEYS.len(), "text": text}))?,
        Format::Text => output.line(text.trim_end())?,
    }
    Ok(())
}

/// Writes the file; returns whether it took the place of another.
fn write(file: &Path, text: &str, force: bool) -> Result<bool> {
    let name = file.display();
    let failed = |error| Failure::usage(format!("cannot write {name}: {error}"));
    match whole_file::create(file, text) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && force => {
            whole_file::replace(file, text).map_err(failed)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::usage(format!(
            "{name} is there already, and was left as it is"
        ))
        .hint("`--force` replaces it; `ingest config init -` prints the settings instead")),
        Err(error) => Err(failed(error)),
    }
}

fn path(settings: &Settings, console: &Console, output: &mut Output) -> Result<()> {
    let absolute = |path: &std::path::PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let files: Vec<_> = settings.files().iter().map(absolute).collect();
    if output.format == Format::Json {
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        return Ok(output.json(&files)?);
    }
    for file in &files {
        output.line(&one_line(&file.to_string_lossy()))?;
    }
    if files.is_empty() {
        console.tell(
            Level::Normal,
            "no configuration file was read: there is no config.toml in this folder",
        );
    }
    Ok(())
}
