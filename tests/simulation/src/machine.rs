//! A machine: an instance of each function with its own clock, clients and caches. The functions are the real ones.

use crate::aws::Aws;
use crate::aws::faults::TABLE;
use crate::time::{Skew, Time};
use abandonment_sweep::Sweep;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use event_publisher::Publisher;
use report_export::Exporter;
use report_tick::Tick;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_domain::Timestamp;
use vestibule_intake::Hook;
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::Store;

/// A machine.
#[derive(Clone)]
pub struct Machine {
    /// How far its clock is off.
    pub skew: Skew,
    /// Its clock.
    pub clock: Clock,
    /// Its connection to the table.
    pub store: Store,
    /// `enrollment-events`
    pub hook: Hook,
    /// `abandonment-sweep`
    pub sweep: Sweep,
    /// `event-publisher`
    pub publisher: Publisher,
    /// `report-tick`
    pub tick: Tick,
    /// `report-export`
    pub exporter: Exporter,
    /// The API's files.
    pub archive: Archive,
    clients: Clients,
    scratch: PathBuf,
    number: u32,
    lives: u32,
}

#[derive(Clone)]
struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    events: aws_sdk_eventbridge::Client,
}

/// Enrollments that an export looks at for pruning: fewer than most runs have, so that the rest depends on the cursor.
const PRUNES: usize = 1;

/// The advice in files, read once.
pub fn advice() -> Arc<Catalogue> {
    static ADVICE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Arc::clone(ADVICE.get_or_init(|| vestibule_archive::advice(None).unwrap()))
}

impl Machine {
    /// A machine that has just been started.
    pub fn new(aws: &Aws, time: Time, number: usize, tries: u64, skew_ms: i64, scratch: PathBuf) -> Self {
        let skew = Skew::default();
        skew.set(skew_ms);
        let clients = Clients::new(&aws.wire(number, tries));
        let number = u32::try_from(number).unwrap_or(0);
        Self::start(number, clients, skew.clone(), skew.clock(time), scratch, 0)
    }

    /// The same machine with nothing in memory.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self::start(
            self.number,
            self.clients.clone(),
            self.skew.clone(),
            self.clock.clone(),
            self.scratch.clone(),
            self.lives + 1,
        )
    }

    fn start(number: u32, clients: Clients, skew: Skew, clock: Clock, scratch: PathBuf, lives: u32) -> Self {
        let config = config();
        // Values that are random elsewhere are derived here from the machine and how often it restarted.
        let seed = (u64::from(number) << 32) | u64::from(lives);
        let store = Store::new(clients.dynamodb.clone(), TABLE).with_jitter(seed);
        let bus = Bus::new(clients.events.clone(), &config);
        let archive = |folder: &str| {
            let scratch = scratch.join(format!("{folder}-{lives}"));
            let s3 = clients.s3.clone();
            let archive = Archive::new(store.clone(), s3, config.bucket.clone(), scratch, advice());
            archive.inline().with_barrier_seed(seed).with_prunes(PRUNES)
        };
        // As the program of one machine does, beside functions that do not.
        let written = if number.is_multiple_of(2) { store.clone().remembering() } else { store.clone() };
        Self {
            hook: enrollment_events::hook(written, clock.clone()),
            sweep: Sweep::new(store.clone(), clock.clone()),
            publisher: Publisher::new(store.clone(), bus.clone(), clock.clone()),
            tick: Tick::new(store.clone(), bus.clone(), clock.clone()),
            exporter: Exporter::named(archive("export"), bus, clock.clone(), &format!("m{number}-{lives}")),
            archive: archive("api"),
            store,
            skew,
            clock,
            clients,
            scratch,
            number,
            lives,
        }
    }

    /// The time by its clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}

fn config() -> Config {
    Config {
        table: TABLE.to_owned(),
        bucket: "vestibule-reports".to_owned(),
        bus: "vestibule".to_owned(),
        source: "vestibule".to_owned(),
        advice: None,
        staleness_ms: 0,
    }
}

impl Clients {
    /// The real SDK clients; only what they connect to is simulated. They try a call once. The wire repeats it as a
    /// machine would, because the SDK draws its waiting time at random.
    fn new(wire: &SharedHttpClient) -> Self {
        let credentials = Credentials::new("simulation", "simulation", None, None, "simulation");
        let (region, latest) = (Region::new("us-east-1"), BehaviorVersion::latest());
        let (once, endless) = (RetryConfig::disabled(), TimeoutConfig::disabled());
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(latest)
            .retry_config(once.clone())
            .timeout_config(endless.clone())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url("http://dynamodb")
            .http_client(wire.clone());
        let events = aws_sdk_eventbridge::Config::builder()
            .behavior_version(latest)
            .retry_config(once.clone())
            .timeout_config(endless.clone())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url("http://events")
            .http_client(wire.clone());
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(latest)
            .retry_config(once)
            .timeout_config(endless)
            .region(region)
            .credentials_provider(credentials)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(true)
            .endpoint_url("http://s3")
            .http_client(wire.clone());
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            events: aws_sdk_eventbridge::Client::from_conf(events.build()),
        }
    }
}
