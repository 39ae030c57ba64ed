//! The functions, connected to the services of this machine, or to those of a deployed stack.
//!
//! They are built from the same libraries as the Lambda functions and get ordinary clients. Only this module knows to
//! whom the clients talk.

use crate::cli::Place;
use crate::erasing::{Ending, Eraser};
use crate::target::{Deployed, Target};
use abandonment_sweep::Sweep;
use admin_api::Api;
use event_publisher::Publisher;
use graph_pull::{GraphPull, Puller, addresses_from_env};
use notify::{Notify, Reach};
use report_export::Exporter;
use report_tick::Tick;
use serde_json::{Value, json};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;
use vestibule_archive::{self as archive, Archive};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_graph::Https;
use vestibule_host::{Clients, Functions, Host, HostError, Names, Shared, release};
use vestibule_intake::Hook;
use vestibule_platform::{Access, BoxError, Bus, Clock, Config, Links};
use vestibule_store::{Store, Tenant};
use vestibule_webhook::sources::Sender;

/// The functions over the services of a target.
pub struct App {
    /// What it works on.
    pub target: Target,
    /// The services of this machine, unless they were handed to `serve`; a stack has none here.
    host: Option<Host>,
    /// The clients of the services.
    pub clients: Clients,
    /// The table.
    pub store: Store,
    /// The sweep.
    pub sweep: Sweep,
    /// The exporter.
    pub exporter: Exporter,
    /// The function that reads Graph's lists.
    pub pull: GraphPull<Https>,
    /// The function that sends messages.
    pub notify: Notify,
    /// The folder in which this process works on copies of files.
    pub scratch: PathBuf,
    /// The links under which this process serves files.
    pub links: Links,
    /// Whether the command only looks, so that nothing of the folder may change.
    is_looking: bool,
    /// This process among those that share the table, if it does.
    shared: Option<Shared>,
    /// The publisher.
    pub publisher: Publisher,
    clock: Clock,
    hooks: [Hook; 2],
    tick: Tick,
    api: Api,
}

/// The file in a data folder by which its processes learn that a tenant was changed.
pub const TENANT_CHANGES: &str = "tenant-changes";
/// The file in a data folder that holds the organisation's own advice.
const ADVICE: &str = "advice.json";

fn config() -> Config {
    Config {
        table: "vestibule".to_owned(),
        bucket: "vestibule-reports".to_owned(),
        bus: "vestibule".to_owned(),
        source: "vestibule".to_owned(),
        advice: None,
        staleness_ms: 0,
    }
}

/// The table's name in the data folder.
pub fn table_name() -> String {
    config().table
}

/// The bus's name in the data folder.
pub fn bus_name() -> String {
    config().bus
}

pub fn scratch_root(data: &Path) -> PathBuf {
    data.join("scratch")
}

/// Removes a folder, if it exists.
pub fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes copies of files that processes left which were killed.
pub fn remove_left_copies(folder: &Path) -> std::io::Result<()> {
    // Without this folder nobody knows which processes there are.
    if !Path::new("/proc/self").exists() {
        return Ok(());
    }
    let Ok(entries) = std::fs::read_dir(scratch_root(folder)) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let is_dead = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok() && !Path::new("/proc").join(name).exists());
        if is_dead {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

/// Refuses what is no data folder.
pub fn must_be_there(data: &Path) -> Result<(), BoxError> {
    if Host::is_there(data) {
        return Ok(());
    }
    let data = data.display();
    Err(format!(
        "{data} is not a data folder: name it by --data or VESTIBULE_DATA. `vestibule serve` and `vestibule tenant add` \
         create one"
    )
    .into())
}

/// Whether an event is the tick of a schedule that another process runs.
async fn runs_elsewhere(shared: Option<&Shared>, function: &str, event: &Value) -> Result<bool, BoxError> {
    let Some(shared) = shared.filter(|_| event["detail-type"] == "Scheduled Event") else { return Ok(false) };
    let time = event["time"].as_str().ok_or("a tick without its time")?;
    Ok(!shared.claim(function, Timestamp::parse(time)?.seconds()).await?)
}

fn names() -> Names {
    let Config { table, bucket, bus, .. } = config();
    Names { table, bucket, bus }
}

impl App {
    /// Starts the services of a data folder, and creates it if there is none. No other process may be using it. Returns
    /// the services apart, for who runs them. Who then changes something calls [`Host::mark`] before.
    pub async fn start(data: &Path) -> Result<(Self, Host), BoxError> {
        let host = Host::start(data, &names()).await?;
        // A process that was killed may have left copies there. Nobody uses them.
        remove_folder(&scratch_root(data))?;
        let app = Self::over_folder(host.clients.clone(), data)?;
        Ok((app, host))
    }

    /// Works beside other processes on a table and a bucket elsewhere; `folder` is this process's own. Returns the services
    /// apart, for who runs them.
    pub async fn share(folder: &Path, names: Names, clients: Clients) -> Result<(Self, Host), BoxError> {
        let host = Host::share(folder, &names, clients).await?;
        // A process that was killed may have left copies there. Nobody uses them.
        remove_folder(&scratch_root(folder))?;
        let advice = Some(folder.join(ADVICE)).filter(|file| file.exists());
        let config = Config { table: names.table, bucket: names.bucket, bus: names.bus, advice, ..config() };
        let (store, target) = (Store::new(host.clients.dynamodb.clone(), config.table.clone()), folder.to_owned());
        let (clients, shared, links) = (host.clients.clone(), host.shared(), Links::new()?);
        let app = Self::over(Target::Folder(target), clients, store, config, |archive| archive, links, shared)?;
        Ok((app, host))
    }

    /// Uses what the options name: a stack, or the services that a process already runs for a data folder, or starts
    /// those. Creates no folder: a mistyped one would look like one without tenants.
    pub async fn open(place: &Place) -> Result<Self, BoxError> {
        Self::of(Target::of(place).await?).await
    }

    /// The same for a command that changes nothing. A folder stays one of the release that it was, and nothing that is in
    /// progress goes on.
    pub async fn look(place: &Place) -> Result<Self, BoxError> {
        Self::looking_at(Target::of(place).await?).await
    }

    /// The same of a target.
    pub async fn looking_at(target: Target) -> Result<Self, BoxError> {
        match target {
            Target::Folder(data) => {
                must_be_there(&data)?;
                Ok(Self { is_looking: true, ..Self::of_unmarked(&data).await? })
            }
            Target::Stack(stack) => Self::over_stack(&stack),
        }
    }

    /// As [`open`](Self::open), but creates the folder if there is none.
    pub async fn create(place: &Place) -> Result<Self, BoxError> {
        match Target::of(place).await? {
            Target::Folder(data) => Self::of_folder(&data).await,
            target @ Target::Stack(_) => Self::of(target).await,
        }
    }

    async fn of(target: Target) -> Result<Self, BoxError> {
        match target {
            Target::Folder(data) => {
                must_be_there(&data)?;
                Self::of_folder(&data).await
            }
            Target::Stack(stack) => Self::over_stack(&stack),
        }
    }

    async fn of_folder(data: &Path) -> Result<Self, BoxError> {
        let app = Self::of_unmarked(data).await?;
        if let Some(host) = &app.host {
            // What could not be opened stays as it is.
            app.mark(host).await?;
        }
        Ok(app)
    }

    /// Marks the folder of a host as one of this release, and its table as one of the folder's format. Nothing if both
    /// belong to another process.
    pub async fn mark(&self, host: &Host) -> Result<(), BoxError> {
        host.mark().await?;
        // Tables that are shared are begun by their first tenant, as on AWS.
        if host.is_owner() && self.shared.is_none() {
            self.store.begin_format(release::format(&self.folder())?).await?;
        }
        Ok(())
    }

    async fn of_unmarked(data: &Path) -> Result<Self, BoxError> {
        let host = Host::attach_or_start(data, &names()).await?;
        let app = Self::over_folder(host.clients.clone(), data)?;
        Ok(Self { host: Some(host), ..app })
    }

    fn over_folder(clients: Clients, data: &Path) -> Result<Self, BoxError> {
        let own = Some(data.join(ADVICE)).filter(|file| file.exists());
        let config = Config { advice: own, ..config() };
        let links = Links::new()?;
        let store = Store::new(clients.dynamodb.clone(), config.table.clone()).with_notice(data.join(TENANT_CHANGES));
        // The embedded table's stream has one shard.
        let with = |archive: Archive| archive.with_barriers(NonZeroU16::MIN).with_links(links.clone());
        Self::over(Target::Folder(data.to_owned()), clients, store, config, with, links.clone(), None)
    }

    fn over_stack(stack: &Deployed) -> Result<Self, BoxError> {
        let target = Target::Stack(Box::new(stack.clone()));
        let folder = target.folder();
        let own = Some(folder.join(ADVICE)).filter(|file| file.exists());
        if stack.has_advice && own.is_none() {
            // Else files that are published from here would be others than those that the stack publishes.
            return Err(format!(
                "{target} has advice of its own (AdviceLayerArn): copy its advice.json to {}",
                folder.join(ADVICE).display()
            )
            .into());
        }
        std::fs::create_dir_all(&folder)?;
        remove_left_copies(&folder)?;
        let config = Config { advice: own, ..stack.config.clone() };
        let store = Store::new(stack.clients.dynamodb.clone(), config.table.clone()).with_vault(stack.vault.clone());
        Self::over(target, stack.clients.clone(), store, config, |archive| archive, Links::new()?, None)
    }

    fn over(
        target: Target,
        clients: Clients,
        store: Store,
        config: Config,
        with: impl FnOnce(Archive) -> Archive,
        links: Links,
        shared: Option<Shared>,
    ) -> Result<Self, BoxError> {
        let clock = Clock::system();
        let bus = Bus::new(clients.events.clone(), &config);
        // Each process has its own copies, since another may work beside it.
        let scratch = scratch_root(&target.folder()).join(std::process::id().to_string());
        let advice = archive::advice(config.advice.as_deref())?;
        let hook_requests = vestibule_platform::config::hook_requests_a_minute()?;
        let archive = with(Archive::new(store.clone(), clients.s3.clone(), config.bucket, scratch.clone(), advice));
        // What others write as well is soon outdated.
        let written = if shared.is_some() { store.clone() } else { store.clone().remembering() };
        let hooks = [
            enrollment_events::hook(written.clone(), clock.clone()).limited(hook_requests),
            esp_status::hook(written, clock.clone()).limited(hook_requests),
        ];
        let [hook, _] = hooks.clone();
        let puller = Puller::new(store.clone(), hook, clock.clone(), Https::default(), addresses_from_env()?)?;
        Ok(Self {
            hooks,
            pull: GraphPull::new(puller, bus.clone()),
            notify: Notify::new(archive.clone(), Reach::Local, clock.clone()),
            tick: Tick::new(store.clone(), bus.clone(), clock.clone()),
            // On a folder this program ends erasures (`erasing`), and on a stack its own sweep does. On a table that is
            // shared nobody knows how far the stream was read, as on a stack.
            sweep: match shared {
                Some(_) => Sweep::new(store.clone(), clock.clone()),
                None => Sweep::new(store.clone(), clock.clone()).without_erasures(),
            },
            publisher: Publisher::new(store.clone(), bus.clone(), clock.clone()),
            exporter: Exporter::new(archive.clone(), bus.clone(), clock.clone())?,
            api: Api::new(archive, bus, clock.clone(), Access::from_env()?)?,
            store,
            target,
            host: None,
            clients,
            scratch,
            links,
            is_looking: false,
            shared,
            clock,
        })
    }

    /// The same, whose page people reach at the origin `public`; with `None` at the one that requests name.
    #[must_use]
    pub fn reached_at(mut self, public: Option<&str>) -> Self {
        self.api = self.api.reached_at(public);
        self
    }

    /// The same, whose API waits this long for what changed just now.
    #[must_use]
    pub fn with_patience(mut self, patience: Option<Duration>) -> Self {
        self.api = self.api.with_patience(patience);
        self
    }

    /// The same, with messages through administrators' channels going to this machine and its network too.
    #[must_use]
    pub fn with_local_channels(mut self) -> Self {
        self.notify = self.notify.trusting_administrators();
        self
    }

    /// The functions by the names that the template gives them.
    pub fn functions(&self) -> Functions {
        let [events, esp] = self.hooks.clone();
        let (sweep, publisher, tick) = (self.sweep.clone(), self.publisher.clone(), self.tick.clone());
        let (exporter, api, hooks) = (self.exporter.clone(), self.api.clone(), self.hooks.clone());
        let (pull, archive, clock) = (self.pull.clone(), self.exporter.archive().clone(), self.clock.clone());
        let [swept, pulled, ticked, notified] = std::array::from_fn(|_| self.shared.clone());
        let notify = self.notify.clone();
        Functions::default()
            .with_http("enrollment-events", move |request| {
                let hook = events.clone();
                async move { hook.handle(request).await }
            })
            .with_http("esp-status", move |request| {
                let hook = esp.clone();
                async move { hook.handle(request).await }
            })
            .with_http("admin-api", move |request| {
                let api = api.clone();
                async move { api.handle(request).await }
            })
            .with_events("abandonment-sweep", move |event| {
                let (sweep, hooks, archive, clock) = (sweep.clone(), hooks.clone(), archive.clone(), clock.clone());
                let shared = swept.clone();
                async move {
                    // The sweep also writes the delivery log and closes copies once a minute, since requests may be rare.
                    for hook in &hooks {
                        hook.flush_due().await;
                    }
                    archive.close_idle(Timestamp::from_millis(clock.now_millis()));
                    if runs_elsewhere(shared.as_ref(), "abandonment-sweep", &event).await? {
                        return Ok(json!({}));
                    }
                    Ok(serde_json::to_value(sweep.run().await?)?)
                }
            })
            .with_events("event-publisher", move |event| {
                let publisher = publisher.clone();
                async move { publisher.handle(event).await }
            })
            .with_events("graph-pull", move |event| {
                let (pull, shared) = (pull.clone(), pulled.clone());
                async move {
                    if runs_elsewhere(shared.as_ref(), "graph-pull", &event).await? {
                        return Ok(json!({}));
                    }
                    pull.handle(event).await
                }
            })
            .with_events("notify", move |event| {
                let (notify, shared) = (notify.clone(), notified.clone());
                async move {
                    if runs_elsewhere(shared.as_ref(), "notify", &event).await? {
                        return Ok(json!({}));
                    }
                    notify.handle(event).await
                }
            })
            .with_events("report-tick", move |event| {
                let (tick, shared) = (tick.clone(), ticked.clone());
                async move {
                    if runs_elsewhere(shared.as_ref(), "report-tick", &event).await? {
                        return Ok(json!({}));
                    }
                    tick.handle(event).await
                }
            })
            .with_events("report-export", move |event| {
                let exporter = exporter.clone();
                async move { exporter.handle(event).await }
            })
    }

    /// The webhooks of all senders.
    pub fn hook(&self) -> &Hook {
        let [hook, _] = &self.hooks;
        hook
    }

    /// Writes the counts that the webhooks still hold to the delivery log, while the table still serves.
    pub fn flush(&self) -> impl Future<Output = ()> + use<> {
        let hooks = self.hooks.clone();
        async move {
            for hook in &hooks {
                hook.flush().await;
            }
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    /// The tenant by that name.
    pub async fn tenant(&self, name: &str) -> Result<Tenant, BoxError> {
        let id = TenantId::parse(name)?;
        Ok(self.store.tenant(&id).await?.ok_or_else(|| format!("there is no tenant {name}"))?)
    }

    /// Changes the tenant by that name, after others who change it at the same time. `change` may be called several
    /// times, and may find its change already made.
    pub async fn change<T>(
        &self,
        name: &str,
        change: impl FnMut(&mut Tenant) -> Result<T, BoxError>,
    ) -> Result<(Tenant, T), BoxError> {
        let changed = self.store.change_tenant(&TenantId::parse(name)?, change).await?;
        Ok(changed.ok_or_else(|| format!("there is no tenant {name}"))?)
    }

    /// The name of the table.
    pub fn table(&self) -> String {
        match &self.target {
            Target::Folder(_) => config().table,
            Target::Stack(stack) => stack.config.table.clone(),
        }
    }

    /// The folder in which the program keeps its files.
    pub fn folder(&self) -> PathBuf {
        self.target.folder()
    }

    /// The address for links and settings: the named one, or where the target is reached.
    pub fn public_address(&self, named: Option<String>) -> Result<String, BoxError> {
        self.target.public_address(named)
    }

    /// The address that a sender posts to, without the path: the named one, or where the target is reached by it.
    pub fn address_for(&self, sender: &Sender, named: Option<String>) -> Result<String, BoxError> {
        self.target.address_for(sender, named)
    }

    /// Whether another process serves the folder; `None` of a stack.
    pub fn is_served(&self) -> Option<bool> {
        self.host.as_ref().map(|host| !host.is_owner())
    }

    /// Who ends erasures.
    pub fn ending(&self) -> Ending {
        match &self.host {
            None => Ending::Deployed,
            Some(host) => self.eraser(host).map_or(Ending::Beside, |eraser| Ending::Here(Box::new(eraser))),
        }
    }

    /// What ends erasures; `None` if another process does it.
    fn eraser(&self, host: &Host) -> Option<Eraser> {
        let scrubber = host.scrubber()?;
        let archive = self.exporter.archive().clone();
        Some(Eraser::new(self.store.clone(), archive, self.clock.clone(), scrubber, &self.folder()))
    }

    /// Ends erasures, beside the host that runs, for as long as the result is held.
    pub fn ending_erasures(&self, host: &Host) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if let Some(eraser) = self.eraser(host) {
            tasks.spawn(eraser.run());
        }
        tasks
    }

    /// Waits until the consequences of a command are processed, if this process must do that.
    pub async fn settle(&self) -> Result<(), HostError> {
        match &self.host {
            Some(host) => host.settle(&self.functions()).await,
            None => Ok(()),
        }
    }

    /// The same, and stops what this process started.
    pub async fn close(mut self) -> Result<(), BoxError> {
        if !self.is_looking {
            self.settle().await?;
        }
        remove_folder(&self.scratch)?;
        match &mut self.host {
            Some(host) => Ok(host.stop().await?),
            None => Ok(()),
        }
    }
}
