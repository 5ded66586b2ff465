//! `ingest config`: the settings in force.

use ingest_config::{Origin, Settings};
use serde_json::{Map, Value, json};

use crate::args::{ConfigCommand, Format, Global};
use crate::console::{Console, Level};
use crate::failure::{Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::Output;
use crate::style::one_line;

pub(crate) fn config(
    command: &ConfigCommand,
    global: &Global,
    console: &Console,
    output: &mut Output,
) -> Result<Status> {
    let settings = Layers::new(global).load()?;
    warn_of_slips(&settings, console);
    match command {
        ConfigCommand::Show => show(&settings, output)?,
        ConfigCommand::Path => path(&settings, console, output)?,
    }
    output.finish()?;
    Ok(Status::Done)
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
