//! The services of one machine: table, files and bus like those of AWS, and what calls the functions: routes,
//! schedules, rules and the table's stream, all read from the deployment's template. Table and files may also be elsewhere,
//! and shared by several processes ([`Host::share`]).
//!
//! Functions get ordinary SDK clients, which call the services in process; functions cannot see the difference. One
//! process owns a data folder. Other processes find its gate, and the keys to sign with, through a file there.
//!
//! Must stay true: what a service acknowledged survives the process; whatever must be delivered is delivered at least
//! once; what is written in the data folder only its owner can read.

mod accept;
pub mod backup;
pub mod bus;
mod clients;
mod durable;
pub mod dynamodb;
mod folder;
mod front;
pub mod functions;
mod gate;
mod health;
mod keys;
pub mod release;
pub mod replay;
pub mod s3;
pub mod schedules;
mod scrub;
mod services;
mod shared;
mod sigv4;
mod stop;
pub mod stream;
pub mod template;

pub use bus::Bus;
pub use clients::{Clients, Endpoint};
pub use front::{FrontSettings, Limits, Tls, TlsError, TrustedProxies, read_network};
pub use functions::{BoxError, Functions};
pub use health::Health;
pub use keys::Keys;
pub use scrub::Scrubber;
pub use services::Services;
pub use shared::Shared;
pub use template::{Template, TemplateError};

use crate::stop::Stop;
use crate::stream::{Awaited, Stream};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vestibule_platform::Clock;

/// The file that records how far the table's stream was delivered.
const CHECKPOINTS: &str = "stream.json";
/// The table's file in the data folder.
const TABLE: &str = "table.sqlite";
/// The folder of the bus.
const BUS: &str = "bus";
/// The folder of the bucket.
const FILES: &str = "files";
/// The file that names the owner's endpoint, with its keys, while it exists.
const ENDPOINT: &str = "endpoint.json";
/// The region of everything here.
pub const REGION: &str = "us-east-1";
/// How often to remove what the stream no longer needs.
const UPKEEP: Duration = Duration::from_secs(3_600);
/// How long another process may take to publish its endpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names of the resources on this machine.
#[derive(Clone, Debug)]
pub struct Names {
    /// The table.
    pub table: String,
    /// The bucket.
    pub bucket: String,
    /// The bus.
    pub bus: String,
}

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The disk or the network.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The object store.
    #[error("the object store: {0}")]
    Objects(#[from] s3::S3Error),
    /// One of the services.
    #[error("a service of this machine: {0}")]
    Engine(String),
    /// A function.
    #[error("a function: {0}")]
    Function(String),
    /// The data folder is in use by another process.
    #[error("another process is using {0}")]
    InUse(PathBuf),
    /// A folder that has a table of its own cannot be that of a process that shares another.
    #[error("{} is a data folder with a table of its own: name a folder for this process alone", .0.display())]
    DataFolder(PathBuf),
    /// A later release made the folder, or the backup.
    #[error(
        "{} is of format {format}, made by vestibule {release}; this is vestibule {ours}, which knows formats up to \
         {known}: use {release} or later, or restore a backup that was taken before the upgrade", what.display(),
        ours = crate::release::RELEASE, known = crate::release::FORMAT
    )]
    Newer {
        /// The folder.
        what: PathBuf,
        /// Its format.
        format: u32,
        /// The release that made it.
        release: String,
    },
    /// A file or a folder.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The record of how far the stream was delivered.
    #[error(
        "{path} is not one that this program wrote ({cause}): restore it, or remove it to have everything that the stream \
         still holds delivered once more", path = .0.display(), cause = .1
    )]
    Checkpoints(PathBuf, serde_json::Error),
    /// The table is gone, but not what was made with it.
    #[error("{} is missing or empty, but the folder has what was made with it: restore the table from a backup, or name \
             an empty folder", .0.display())]
    TableLost(PathBuf),
}

impl HostError {
    /// An error of a file or a folder.
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

/// The services of one data folder, either this process's own or those of another running process.
pub struct Host {
    /// Clients of the services.
    pub clients: Clients,
    /// Where other processes reach the services.
    pub endpoint: Endpoint,
    template: Template,
    names: Names,
    own: Option<Own>,
    /// Where metrics are served.
    metrics: Option<TcpListener>,
}

/// The parts that only the owner of the data folder has.
struct Own {
    folder: PathBuf,
    bus: Bus,
    stores: Stores,
    // Held until the services have stopped.
    _lock: File,
}

/// Where table and files are.
enum Stores {
    /// In the data folder.
    Here(Box<Here>),
    /// Elsewhere, where other processes use them too.
    Elsewhere(Shared),
}

/// The table and the files of a data folder, and the gate to them.
struct Here {
    awaited: Awaited,
    stop: watch::Sender<bool>,
    gate: JoinHandle<()>,
    objects: s3::ObjectStore,
    dynamodb: dynamodb::DynamoDb,
}

impl Host {
    /// Whether a folder is the data folder of services that were started once.
    pub fn is_there(folder: &Path) -> bool {
        folder.join(folder::LOCK).exists()
    }

    /// Starts the services of a data folder, and creates it if there is none.
    ///
    /// # Errors
    /// [`HostError::InUse`] if another process owns it, [`HostError::Newer`] if a later release made it; otherwise the
    /// error that keeps a service from starting.
    pub async fn start(folder: &Path, names: &Names) -> Result<Self, HostError> {
        release::check(folder)?;
        let lock = folder::take(folder)?;
        let is_used = folder::is_used(folder)?;
        // Now, not when the stream is read: nothing is acknowledged that could not be handed on.
        stream::read_checkpoints(&folder.join(CHECKPOINTS))?;
        let template = Template::embedded()?;
        let dynamodb = dynamodb::DynamoDb::start(Some(&folder::table(folder, is_used)?))?;
        let bus = Bus::open(&folder.join(BUS), &names.bus)?;
        let objects = s3::ObjectStore::open(folder.join(FILES))?;
        let services = Services::new()?.with_table(&dynamodb).with_files(objects.clone()).with_bus(bus.clone());

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = services.endpoint(&listener)?;
        let mut clients = services.clients_at(&endpoint);
        let awaited = Awaited::default();
        clients.dynamodb = awaited.listen(&clients.dynamodb);
        if is_used && !dynamodb::has_table(&clients.dynamodb, &names.table).await? {
            return Err(HostError::TableLost(folder.join(TABLE)));
        }
        dynamodb::create_table(&clients.dynamodb, &template.table, &names.table).await?;
        let bucket = clients.s3.head_bucket().bucket(&names.bucket).send().await;
        if bucket.is_err() {
            let create = clients.s3.create_bucket().bucket(&names.bucket).send().await;
            create.map_err(|error| HostError::Engine(vestibule_causes::causes(&error)))?;
        }
        let (stop, stopped) = Stop::new();
        let gate = tokio::spawn(async move { services.serve(listener, stopped.wait()).await });
        endpoint.publish(&folder.join(ENDPOINT))?;
        let stores = Stores::Here(Box::new(Here { awaited, stop, gate, objects, dynamodb }));
        let own = Own { folder: folder.to_owned(), bus, stores, _lock: lock };
        Ok(Self { clients, endpoint, template, names: names.clone(), own: Some(own), metrics: None })
    }

    /// Works beside other processes on a table and a bucket elsewhere, and makes those that are not there. `clients` lead
    /// to them. The folder is this process's own: it has its bus, and nobody else may use it.
    ///
    /// # Errors
    /// [`HostError::InUse`] if another process owns the folder; [`HostError::DataFolder`] if it has a table; otherwise the
    /// error that keeps a service from being used.
    pub async fn share(folder: &Path, names: &Names, clients: Clients) -> Result<Self, HostError> {
        if Self::is_there(folder) {
            return Err(HostError::DataFolder(folder.to_owned()));
        }
        let lock = folder::take_of_shared(folder)?;
        let template = Template::embedded()?;
        let bus = Bus::open(&folder.join(BUS), &names.bus)?;
        dynamodb::create_table(&clients.dynamodb, &template.table, &names.table).await?;
        if clients.s3.head_bucket().bucket(&names.bucket).send().await.is_err() {
            match clients.s3.create_bucket().bucket(&names.bucket).send().await {
                Ok(_) => {}
                // Another process made it just now.
                Err(error)
                    if error.as_service_error().is_some_and(CreateBucketError::is_bucket_already_owned_by_you) => {}
                Err(error) => {
                    return Err(HostError::Engine(aws_sdk_s3::error::DisplayErrorContext(error).to_string()));
                }
            }
        }
        let shared = Shared::new(clients.dynamodb.clone(), &names.table, Clock::system());
        // Each process delivers what it published to its own functions. Others publish what it did not come to.
        let services = Services::new()?.with_bus(bus.clone());
        let endpoint = services.nowhere();
        let clients = Clients { events: services.clients().events, ..clients };
        let own = Own { folder: folder.to_owned(), bus, stores: Stores::Elsewhere(shared), _lock: lock };
        Ok(Self { clients, endpoint, template, names: names.clone(), own: Some(own), metrics: None })
    }

    /// This process among those that share a table; `None` if it has its own.
    pub fn shared(&self) -> Option<Shared> {
        match &self.own.as_ref()?.stores {
            Stores::Here(_) => None,
            Stores::Elsewhere(shared) => Some(shared.clone()),
        }
    }

    /// Uses the services of the process that owns the folder, or starts them if no process does.
    ///
    /// # Errors
    /// As [`start`](Self::start); also if the owner does not publish its endpoint.
    pub async fn attach_or_start(folder: &Path, names: &Names) -> Result<Self, HostError> {
        let began = tokio::time::Instant::now();
        loop {
            match Self::start(folder, names).await {
                Err(HostError::InUse(_)) => {}
                started => return started,
            }
            if let Some(endpoint) = Endpoint::read(&folder.join(ENDPOINT))
                && endpoint.answers().await
            {
                let (clients, template) = (Clients::new(&endpoint), Template::embedded()?);
                return Ok(Self { clients, endpoint, template, names: names.clone(), own: None, metrics: None });
            }
            // The owner is starting or stopping.
            if began.elapsed() > PATIENCE {
                return Err(HostError::InUse(folder.to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Writes this release into the data folder, beside the folder's format, for who is about to change it and has opened all
    /// of it. Not before: a folder that cannot be opened, or is only looked at, stays one of the release that it was. Nothing
    /// if the services belong to another process.
    ///
    /// # Errors
    /// [`HostError::Newer`] if a later release has marked it meanwhile; otherwise when the table cannot be read or the file
    /// cannot be written.
    pub async fn mark(&self) -> Result<(), HostError> {
        let Some(own @ Own { stores: Stores::Here(_), .. }) = &self.own else { return Ok(()) };
        // Nothing ever was in it that an earlier release could have read.
        let is_new = release::read(&own.folder)?.is_none() && self.has_nothing().await?;
        release::mark(&own.folder, is_new)
    }

    async fn has_nothing(&self) -> Result<bool, HostError> {
        let scan = self.clients.dynamodb.scan().table_name(&self.names.table).limit(1).send().await;
        let scan =
            scan.map_err(|error| HostError::Engine(aws_sdk_s3::error::DisplayErrorContext(error).to_string()))?;
        Ok(scan.items().is_empty())
    }

    /// Whether the services belong to this process.
    pub fn is_owner(&self) -> bool {
        self.own.is_some()
    }

    /// The same, which serves its metrics at an address of their own: `/metrics` as Prometheus reads them, to everybody
    /// who reaches that address.
    #[must_use]
    pub fn measured_at(mut self, listener: TcpListener) -> Self {
        self.metrics = Some(listener);
        self
    }

    /// The template that this machine follows.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Serves the template's routes and the files on `listener` and runs schedules, rules and stream until `shutdown`; then
    /// finishes the requests under way and stops the services.
    ///
    /// # Errors
    /// When a part of it cannot continue, or if the services belong to another process.
    pub async fn run(
        mut self,
        listener: TcpListener,
        settings: FrontSettings,
        functions: Functions,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), HostError> {
        let mut stream = self.stream()?;
        let metrics = self.metrics.take();
        let Some(own) = &self.own else { return Err(HostError::Engine("the services are not ours".to_owned())) };
        let (stop, stopped) = Stop::new();
        let (routes, calls, until) = (self.template.routes.clone(), functions.clone(), stopped.clone());
        let clock = Clock::system();
        let health = Health::new(&self.clients, &self.names, &self.template.schedules, clock.clone());
        let (s3, bucket) = (self.clients.s3.clone(), self.names.bucket.clone());
        let (watched, measured, until_stop) = (health.clone(), health.clone(), stopped.clone());
        let mut front = tokio::spawn(async move {
            front::serve(listener, routes, calls, (s3, bucket), settings, watched, until.wait()).await;
        });
        let metrics = async move {
            if let Some(metrics) = metrics {
                front::health::serve_metrics(metrics, measured, until_stop.wait()).await;
            }
        };
        let background = async {
            let schedules = &self.template.schedules;
            let schedules = schedules.iter().map(|one| schedules::run(one, &functions, &health, &clock, &stopped));
            let deliveries = own.bus.deliver(&self.template.rules, &functions, &stopped);
            let upkeep = async {
                if matches!(own.stores, Stores::Here(_)) {
                    upkeep(&own.folder, &stopped).await;
                }
            };
            futures::join!(
                futures::future::join_all(schedules),
                deliveries,
                stream.run(&functions, &health, &stopped),
                upkeep,
                metrics
            );
        };
        let mut front_ended = None;
        let until_shutdown = async {
            tokio::select! {
                () = shutdown => {}
                // Without requests there is no reason to continue.
                ended = &mut front => front_ended = Some(ended),
            }
            // Calls under way are finished, and no further ones begin.
            let _no_receiver = stop.send(true);
        };
        futures::join!(until_shutdown, background);
        let front = match front_ended {
            Some(ended) => ended,
            None => front.await,
        };
        // The changes made by the last requests.
        let drained = stream.drain(&functions).await;
        stream.leave().await;
        self.stop().await?;
        front.map_err(|error| HostError::Engine(error.to_string()))?;
        drained
    }

    /// Delivers everything in the stream and on the bus, as after a single command. If the services belong to another
    /// process, that process does it.
    ///
    /// # Errors
    /// When something cannot be delivered; it stays for the next time.
    pub async fn settle(&self, functions: &Functions) -> Result<(), HostError> {
        let Some(own) = &self.own else { return Ok(()) };
        self.stream()?.drain(functions).await?;
        own.bus.deliver_pending(&self.template.rules, functions).await
    }

    /// What makes the services lose the bytes of what was deleted; `None` if they belong to another process.
    pub fn scrubber(&self) -> Option<Scrubber> {
        let own = self.own.as_ref()?;
        let Stores::Here(here) = &own.stores else { return None };
        Some(Scrubber::new(own.folder.clone(), own.bus.clone(), here.dynamodb.calls()))
    }

    /// The events published on the bus, oldest first; empty if the services belong to another process.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn published(&self) -> Result<Vec<serde_json::Value>, HostError> {
        self.own.as_ref().map_or(Ok(Vec::new()), |own| own.bus.events())
    }

    /// Stops the services.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub async fn stop(&mut self) -> Result<(), HostError> {
        let Some(Own { folder, stores: Stores::Here(here), _lock: lock, .. }) = self.own.take() else { return Ok(()) };
        let (path, files) = (folder.join(ENDPOINT), folder.join(FILES));
        let removed = std::fs::remove_file(&path).map_err(|error| HostError::file(&path, error));
        let Here { gate, stop, objects, dynamodb, .. } = *here;
        let _no_receiver = stop.send(true);
        if gate.await.is_err() {
            tracing::error!("the gate died");
        }
        // The clients of this host still hold the store.
        objects.release().map_err(|error| HostError::file(&files, error))?;
        // Joining the table's thread waits for its last request.
        let stopped = tokio::task::spawn_blocking(move || drop((dynamodb, lock))).await;
        stopped.map_err(|error| HostError::Engine(error.to_string()))?;
        removed
    }

    fn stream(&self) -> Result<Stream, HostError> {
        let Some(own) = &self.own else {
            return Err(HostError::Engine("the stream is another process's".to_owned()));
        };
        let (client, mapping) = (self.clients.streams.clone(), self.template.stream.clone());
        match &own.stores {
            Stores::Here(here) => {
                let stream = Stream::open(client, &self.names.table, mapping, own.folder.join(CHECKPOINTS))?;
                Ok(stream.awaited(here.awaited.clone()))
            }
            Stores::Elsewhere(shared) => Ok(Stream::shared(client, &self.names.table, mapping, shared.clone())),
        }
    }
}

/// Removes what the stream no longer needs, at the start and regularly, until it must stop.
async fn upkeep(folder: &Path, stop: &Stop) {
    while !stop.is_set() {
        let (table, checkpoints) = (folder.join(TABLE), folder.join(CHECKPOINTS));
        let forget = move || {
            stream::read_checkpoints(&checkpoints).and_then(|through| dynamodb::forget_handed_on(&table, &through))
        };
        match tokio::task::spawn_blocking(forget).await {
            Ok(Ok(0)) => {}
            Ok(Ok(records)) => tracing::debug!(records, "the stream forgot what was handed on"),
            Ok(Err(error)) => tracing::warn!(%error, "the stream could not forget what was handed on"),
            Err(error) => tracing::error!(%error, "forgetting what was handed on died"),
        }
        stop.sleep(UPKEEP).await;
    }
}
