//! `ingest doctor`: looks at settings, server, model, store and machine; each finding with its remedy.

mod clock;
mod finding;
mod model;
mod probe;
mod settings;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use embed_core::{EmbedderExt, ErrorKind, InputKind};
use embed_providers::{Inspection, Provider, inspect, server_address, warnings};
use ingest_config::{Settings, Workers};
use ingest_core::{CANARY, ModelIdentity, StoreStatus};
use ingest_store::ServerInspection;

use crate::args::{Doctor, Global};
use crate::console::Console;
use crate::embedder::{self, Chosen};
use crate::failure::{Result, Status};
use crate::layers::Layers;
use crate::output::Output;
use finding::Finding;
use probe::{Bounds, Sample};

pub(crate) async fn doctor(
    args: &Doctor,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
) -> Result<Status> {
    let mut layers = Layers::new(global);
    layers.embedding(&args.embedding);
    let findings = match layers.load() {
        Ok(settings) => examine(args, layers, &settings, console).await,
        Err(failure) => vec![Finding::refused(
            "settings",
            failure,
            "nothing starts with wrong settings",
        )],
    };
    finding::write(&findings, output)?;
    Ok(finding::status(&findings))
}

/// All findings, in the order in which faults are worth mending.
async fn examine(args: &Doctor, layers: Layers, settings: &Settings, console: &Arc<Console>) -> Vec<Finding> {
    let mut findings = vec![settings::loaded(settings)];
    findings.extend(settings::slips(settings));
    let store = look_at_store(settings, &mut findings).await;
    let hosts = &args.embedding.host;
    let identity = store.status.as_ref().and_then(|status| {
        let is_filled = status.documents > 0 || status.vectors > 0;
        status.identity.as_ref().filter(|_| is_filled)
    });
    let mut date = None;
    match embedder::choose(layers, hosts, identity, console).await {
        Ok(chosen) => {
            let why = "who embeds must be who is meant";
            findings.push(Finding::ok("provider", chosen.choice.to_string(), why));
            let patient = Patient {
                chosen: &chosen,
                identity,
                server: store.server.as_ref(),
                probe: (!args.no_probe).then_some(args.probe),
            };
            date = patient.examine(hosts, &mut findings).await;
        }
        Err(failure) => findings.push(Finding::refused(
            "provider",
            failure,
            "nothing is embedded without it",
        )),
    }
    findings.push(clock::check(SystemTime::now(), date.as_deref()));
    let held = store.status.as_ref().map_or(0, |status| status.bytes);
    machine(settings, hosts.len().max(1), held, &mut findings);
    findings
}

/// What was learned of the store.
#[derive(Default)]
struct Store {
    status: Option<StoreStatus>,
    server: Option<ServerInspection>,
}

async fn look_at_store(settings: &Settings, findings: &mut Vec<Finding>) -> Store {
    const WHY: &str = "searches read it, runs write it";
    let url = settings.store_url();
    let inspection = match ingest_store::inspect(url.as_str()).await {
        Ok(inspection) => inspection,
        Err(error) => {
            findings.push(Finding::failed("store", error, WHY));
            return Store::default();
        }
    };
    let mut store = Store {
        status: None,
        server: inspection.server,
    };
    let found = match ingest_store::find(url.as_str()).await {
        Ok(Some(found)) => found.status().await.map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match found {
        Ok(status) => {
            findings.push(store::found(&url.to_string(), status.as_ref(), inspection.schema));
            findings.extend(store::set_aside(
                status.as_ref().map_or(0, |status| status.failed),
            ));
            store.status = status;
        }
        Err(error) => findings.push(Finding::failed("store", error, WHY)),
    }
    match &store.server {
        Some(server) => {
            let (on, available) = (server.pgvector.as_deref(), server.available.as_deref());
            findings.push(store::extension(&server.version, on, server.outdated, available));
            let fix = "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO the_user;";
            findings.push(store::rights(&url.to_string(), server.may_write, fix));
        }
        None => findings.extend(file_rights(settings)),
    }
    store
}

/// Whether the store's file may be written, or made where there is none.
fn file_rights(settings: &Settings) -> Option<Finding> {
    let file = crate::store::files(settings).into_iter().next()?;
    let place = if file.exists() {
        file
    } else {
        existing_folder(&file)?
    };
    let shown = place.display().to_string();
    Some(store::rights(
        &shown,
        may_write(&place),
        &format!("chmod u+w {shown}"),
    ))
}

/// The innermost folder above a path that is there.
fn existing_folder(path: &Path) -> Option<PathBuf> {
    let mut above = path.ancestors().skip(1);
    above.find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// What is to be examined: the embedder that a run would have.
struct Patient<'a> {
    chosen: &'a Chosen,
    identity: Option<&'a ModelIdentity>,
    server: Option<&'a ServerInspection>,
    probe: Option<Duration>,
}

impl Patient<'_> {
    /// Looks at the server, then at the model, then at how fast it is; returns the server's clock.
    async fn examine(&self, hosts: &[String], findings: &mut Vec<Finding>) -> Option<String> {
        let (provider, model) = (self.chosen.choice.provider, &*self.chosen.choice.model);
        findings.extend(model::identity(provider, model, self.identity));
        let mut date = None;
        let mut is_sound = true;
        for settings in self.servers(hosts) {
            match self.ask(&settings, findings).await {
                Some(inspection) => {
                    is_sound &= inspection.has_model != Some(false);
                    date = inspection.date.or(date);
                }
                None => is_sound = false,
            }
        }
        let (used, is_filled) = (&self.chosen.prefixes, self.identity.is_some());
        findings.push(model::prefixes(model, used, is_filled));
        if is_sound && self.embed(findings).await {
            self.measure(findings).await;
        }
        date
    }

    /// The settings of each server.
    fn servers(&self, hosts: &[String]) -> Vec<Settings> {
        let settings = &self.chosen.settings;
        if hosts.len() < 2 {
            return vec![settings.clone()];
        }
        let provider = self.chosen.choice.provider;
        let server = |host: &String| embedder::at_host(settings, provider, host);
        hosts.iter().map(server).collect()
    }

    /// Tells how the address was read and what the server says; `None` where it says nothing.
    async fn ask(&self, settings: &Settings, findings: &mut Vec<Finding>) -> Option<Inspection> {
        const WHY: &str = "nothing is embedded without it";
        let (provider, model) = (self.chosen.choice.provider, &*self.chosen.choice.model);
        let address = match server_address(settings, provider) {
            Ok(Some(address)) => address,
            Ok(None) => return Some(Inspection::default()),
            Err(error) => {
                findings.push(Finding::refused("host", error, WHY));
                return None;
            }
        };
        let (key, given) = match (provider, &settings.embedding.openai_base_url) {
            (Provider::OpenAi, Some(url)) => ("openai_base_url", url.to_string()),
            (Provider::OpenAi, None) => ("openai_base_url", address.clone()),
            _ => ("ollama_host", settings.embedding.ollama_host.to_string()),
        };
        let warning = warnings(settings).into_iter().next();
        let from = settings.origin(key);
        findings.push(settings::host(&given, &from, &address, warning.as_deref()));
        match inspect(settings, provider, model).await {
            Ok(inspection) => {
                if inspection.version.is_some() {
                    findings.push(model::server(&address, &inspection));
                }
                findings.extend(model::present(model, &address, &inspection));
                Some(inspection)
            }
            Err(error) => {
                findings.push(Finding::failed("server", error, WHY));
                None
            }
        }
    }

    /// Embeds one text and holds what is known of the model then against settings and store.
    async fn embed(&self, findings: &mut Vec<Finding>) -> bool {
        let embedder = &self.chosen.embedder;
        let answer = match embedder.embed_one(CANARY, InputKind::Document).await {
            Ok(answer) => answer,
            Err(error) => {
                findings.push(self.not_embedded(error));
                return false;
            }
        };
        let width = answer.len();
        findings.push(model::width(width, self.identity));
        if let Some(server) = self.server {
            findings.push(model::index(width, (server.widest, server.widest_half)));
        }
        // A server that cannot describe its models embeds all the same.
        let info = embedder
            .describe()
            .await
            .unwrap_or_else(|_| embedder.model().clone());
        findings.extend(model::digest(info.digest.as_deref(), self.identity));
        findings.extend(model::canary(&answer, self.identity));
        let chunk_size = self.chosen.settings.chunking.size;
        findings.extend(model::context(&info.model, info.context_length, chunk_size));
        true
    }

    /// Why no text was embedded. Where nobody set a width, the one that was asked for is the store's.
    fn not_embedded(&self, error: embed_core::Error) -> Finding {
        let is_set = self.chosen.settings.is_set("embedding_dimensions");
        if error.kind() == ErrorKind::InvalidConfig && self.identity.is_some() && !is_set {
            return Finding::failed("width", error, "a store holds vectors of one width")
                .fix("ingest run --clean PATH");
        }
        Finding::failed("embedding", error, "no text can be embedded")
    }

    async fn measure(&self, findings: &mut Vec<Finding>) {
        let Some(time) = self.probe else {
            return;
        };
        let settings = &self.chosen.settings;
        let most = Bounds {
            workers: settings.run.max_workers,
            batch: settings.embedding.batch_size,
        };
        let set = |samples: &[Sample]| Bounds {
            workers: match settings.run.workers {
                Workers::Count(count) => count.min(most.workers),
                // A run finds them out by itself.
                Workers::Auto => probe::enough(samples).unwrap_or(most.workers),
            },
            ..most
        };
        let is_ollama = self.chosen.choice.provider == Provider::Ollama;
        findings.push(match probe::measure(&self.chosen.embedder, most, time).await {
            Ok(samples) => probe::finding(&samples, set(&samples), is_ollama),
            Err(error) => Finding::failed("throughput", error, "a run asks for as much"),
        });
    }
}

#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.permissions().readonly())
}

/// Room on the disk of a store in a file, and the limit of open files.
#[cfg(unix)]
fn machine(settings: &Settings, servers: usize, held: u64, findings: &mut Vec<Finding>) {
    let file = crate::store::files(settings).into_iter().next();
    if let Some(folder) = file.and_then(|file| existing_folder(&file))
        && let Ok(disk) = rustix::fs::statvfs(&folder)
    {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        findings.push(store::room(&folder.display().to_string(), free, held));
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let connections = settings.http.max_connections * servers;
    findings.push(store::open_files(limit.unwrap_or(u64::MAX), connections as u64));
}

#[cfg(not(unix))]
fn machine(_: &Settings, _: usize, _: u64, _: &mut Vec<Finding>) {}
