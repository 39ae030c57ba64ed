//! What a command works on: a data folder of this machine, or a deployed stack. Commands ask a [`Target`], and need not know
//! which of the two it is.
//!
//! Must stay true: what was typed wins over the environment; two places are never named at once; and whoever has
//! pointed the SDK at services of their own (`AWS_ENDPOINT_URL…`) gets no folder that they did not ask for, since its
//! secrets would be of no use there.

mod deployed;

pub use deployed::Deployed;

use crate::cli::{OnFolder, Place, StackOptions};
use crate::reach;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vestibule_platform::{BoxError, Config};
use vestibule_webhook::sources::Sender;

/// The folder of a command for which none is named.
const FOLDER: &str = ".vestibule/data";
/// The folder in which this machine keeps its own files of each stack.
const STACKS: &str = ".vestibule/stacks";
/// The beginning of the SDK's variables that lead to other services than those of AWS.
const ENDPOINTS: &str = "AWS_ENDPOINT_URL";

/// What a command works on.
#[derive(Clone, Debug)]
pub enum Target {
    /// A data folder.
    Folder(PathBuf),
    /// A deployed stack.
    Stack(Box<Deployed>),
}

impl Target {
    /// What the options and the environment name.
    ///
    /// # Errors
    /// If they name nothing, two things, or a stack that is not there.
    pub async fn of(place: &Place) -> Result<Self, BoxError> {
        let environment = Environment::of_process();
        Ok(match named(place, &environment)? {
            Named::Folder(folder) => Self::Folder(folder),
            Named::Stack(name) => Self::Stack(Box::new(Deployed::by_name(&name, &place.stack).await?)),
            Named::Resources(config) => {
                let key = place.stack.kms_key.clone().or(environment.kms_key);
                Self::Stack(Box::new(Deployed::of(config, key.as_deref(), &place.stack).await?))
            }
        })
    }

    /// The folder of this machine in which the program keeps its files: a data folder, or what was copied from a stack,
    /// made for it, or is needed to go on with it.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Stack(stack) => Path::new(STACKS).join(&stack.region).join(stack.name()),
        }
    }

    /// The address for links and settings: the named one, or that of the stack, or where the folder was served last.
    ///
    /// # Errors
    /// If nobody knows it.
    pub fn public_address(&self, named: Option<String>) -> Result<String, BoxError> {
        match self {
            Self::Folder(folder) => Ok(reach::public_address(named, folder)),
            Self::Stack(stack) => Ok(named.or_else(|| stack.url.clone()).ok_or(
                "the address at which people and senders reach it is not known: give --url, or name the stack by --stack",
            )?),
        }
    }

    /// The address that a sender posts to, without the path: the named one, or that of the sender's function, or that for
    /// links.
    ///
    /// # Errors
    /// If nobody knows it.
    pub fn address_for(&self, sender: &Sender, named: Option<String>) -> Result<String, BoxError> {
        let of_function = match self {
            Self::Folder(_) => None,
            Self::Stack(stack) => stack.hooks.of(sender.function()).map(str::to_owned),
        };
        self.public_address(named.or(of_function))
    }

    /// What it is, in an answer in JSON: its member and value.
    pub fn shown(&self) -> (&'static str, Value) {
        match self {
            Self::Folder(folder) => ("data", json!(folder)),
            Self::Stack(stack) => {
                let Config { table, bucket, bus, .. } = &stack.config;
                let shown = json!({
                    "name": stack.stack, "table": table, "bucket": bucket, "bus": bus, "region": stack.region,
                });
                ("stack", shown)
            }
        }
    }
}

/// In words.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Stack(stack) => match &stack.stack {
                Some(name) => write!(f, "the stack {name} in {}", stack.region),
                None => write!(f, "the table {} in {}", stack.config.table, stack.region),
            },
        }
    }
}

impl OnFolder {
    /// The data folder of a command that works on nothing else; `instead` is what to do for a stack.
    ///
    /// # Errors
    /// If a stack is named, or nothing while the SDK's endpoints are.
    pub fn folder(&self, instead: &str) -> Result<PathBuf, BoxError> {
        let stack = StackOptions { stack: self.stack.clone(), table: self.table.clone(), ..StackOptions::default() };
        let place = Place { data: self.data.clone(), stack };
        let is_stack = stack_is_typed(&place.stack);
        let environment = Environment::of_process();
        let is_stack = is_stack || self.data.is_none() && environment.data.is_none() && environment.names_a_stack();
        if is_stack {
            return Err(format!("this works on a data folder, not on a stack: {instead}").into());
        }
        match named(&place, &Environment { stack: None, table: None, ..environment })? {
            Named::Folder(folder) => Ok(folder),
            Named::Stack(_) | Named::Resources(_) => Err(instead.into()),
        }
    }
}

/// The variables that name places.
#[derive(Clone, Debug, Default)]
struct Environment {
    data: Option<PathBuf>,
    stack: Option<String>,
    table: Option<String>,
    bucket: Option<String>,
    bus: Option<String>,
    event_source: Option<String>,
    kms_key: Option<String>,
    /// A variable by which the SDK is led to other services.
    endpoint: Option<String>,
}

impl Environment {
    fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_endpoint = |name: &String| name.starts_with(ENDPOINTS) && text(name).is_some();
        Self {
            data: std::env::var_os("VESTIBULE_DATA").filter(|data| !data.is_empty()).map(PathBuf::from),
            stack: text("VESTIBULE_STACK"),
            table: text("VESTIBULE_TABLE"),
            bucket: text("VESTIBULE_BUCKET"),
            bus: text("VESTIBULE_BUS"),
            event_source: text("VESTIBULE_EVENT_SOURCE"),
            kms_key: text("VESTIBULE_KMS_KEY"),
            endpoint: std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).find(is_endpoint),
        }
    }

    const fn names_a_stack(&self) -> bool {
        self.stack.is_some() || self.table.is_some()
    }
}

/// A place that was named.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Folder(PathBuf),
    Stack(String),
    Resources(Config),
}

const fn stack_is_typed(options: &StackOptions) -> bool {
    options.stack.is_some() || options.table.is_some() || options.bucket.is_some() || options.bus.is_some()
}

/// Which place is named.
fn named(place: &Place, environment: &Environment) -> Result<Named, BoxError> {
    let Place { data, stack: typed } = place;
    if data.is_some() && stack_is_typed(typed) {
        return Err("--data names a folder of this machine, and --stack or --table a stack: give one of them".into());
    }
    if let Some(folder) = data {
        return Ok(Named::Folder(folder.clone()));
    }
    let parts = [&typed.table, &typed.bucket, &typed.bus, &typed.kms_key];
    if typed.stack.is_some() && parts.into_iter().any(Option::is_some) {
        return Err("--stack names the table, the bucket, the bus and the key as well: give either it or those".into());
    }
    if let Some(name) = &typed.stack {
        return Ok(Named::Stack(name.clone()));
    }
    if !stack_is_typed(typed) {
        match (&environment.data, &environment.stack, &environment.table) {
            (Some(folder), None, None) => return Ok(Named::Folder(folder.clone())),
            (None, Some(name), None) => return Ok(Named::Stack(name.clone())),
            (None, None, Some(_)) => {}
            (None, None, None) => return by_default(typed, environment),
            _ => {
                return Err(
                    "the environment names several places (VESTIBULE_DATA, VESTIBULE_STACK, VESTIBULE_TABLE): give \
                            --data, --stack or --table"
                        .into(),
                );
            }
        }
    }
    let either = |typed: &Option<String>, set: &Option<String>, option: &str| {
        let value = typed.clone().or_else(|| set.clone());
        value.ok_or_else(|| format!("{option} is missing: without --stack, --table, --bucket and --bus are all needed"))
    };
    let event_source = typed.event_source.clone().or_else(|| environment.event_source.clone());
    Ok(Named::Resources(Config {
        table: either(&typed.table, &environment.table, "--table")?,
        bucket: either(&typed.bucket, &environment.bucket, "--bucket")?,
        bus: either(&typed.bus, &environment.bus, "--bus")?,
        source: event_source.unwrap_or_else(|| "vestibule".to_owned()),
        advice: None,
        staleness_ms: 0,
    }))
}

/// The folder that is used if none is named, unless something says that another place was meant.
fn by_default(typed: &StackOptions, environment: &Environment) -> Result<Named, BoxError> {
    let StackOptions { event_source, kms_key, region, profile, .. } = typed;
    if [event_source, kms_key, region, profile].into_iter().any(Option::is_some) {
        return Err(
            "--region, --profile, --event-source and --kms-key are for a stack: name it by --stack, or by --table, \
                    --bucket and --bus"
                .into(),
        );
    }
    match &environment.endpoint {
        None => Ok(Named::Folder(PathBuf::from(FOLDER))),
        Some(variable) => Err(format!(
            "{variable} is set, so another place than a folder of this machine may be meant: name it by --stack, by \
             --table, --bucket and --bus, or by --data"
        )
        .into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn typed(data: Option<&str>, [stack, table, bucket, bus]: [Option<&str>; 4]) -> Place {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let stack = StackOptions {
            stack: text(stack),
            table: text(table),
            bucket: text(bucket),
            bus: text(bus),
            ..StackOptions::default()
        };
        Place { data: data.map(PathBuf::from), stack }
    }

    fn resources(table: &str, bucket: &str, bus: &str) -> Named {
        let [table, bucket, bus] = [table, bucket, bus].map(str::to_owned);
        Named::Resources(Config { table, bucket, bus, source: "vestibule".into(), advice: None, staleness_ms: 0 })
    }

    const NONE: [Option<&str>; 4] = [None; 4];

    #[test]
    fn what_was_typed_wins_over_the_environment() {
        let all = Environment {
            data: Some("env".into()),
            stack: Some("env".into()),
            table: Some("table-env".into()),
            bucket: Some("bucket-env".into()),
            bus: Some("bus-env".into()),
            endpoint: Some("AWS_ENDPOINT_URL".into()),
            ..Environment::default()
        };
        let of = |place: &Place| named(place, &all).unwrap();
        assert_eq!(of(&typed(Some("typed"), NONE)), Named::Folder("typed".into()));
        assert_eq!(of(&typed(None, [Some("typed"), None, None, None])), Named::Stack("typed".into()));
        assert_eq!(of(&typed(None, [None, Some("typed"), None, None])), resources("typed", "bucket-env", "bus-env"));
        assert_eq!(of(&typed(None, [None, Some("a"), Some("b"), Some("c")])), resources("a", "b", "c"));
    }

    #[test]
    fn one_place_in_the_environment_is_used_and_several_are_refused() {
        let of = |environment: &Environment| named(&typed(None, NONE), environment);
        let (data, stack) = (Some("folder".into()), Some("one".into()));
        let folder = Environment { data, ..Environment::default() };
        assert_eq!(of(&folder).unwrap(), Named::Folder("folder".into()));
        let stack = Environment { stack, ..Environment::default() };
        assert_eq!(of(&stack).unwrap(), Named::Stack("one".into()));
        of(&Environment { stack: stack.stack, ..folder }).unwrap_err();
        assert_eq!(of(&Environment::default()).unwrap(), Named::Folder(FOLDER.into()));
    }

    #[test]
    fn whoever_led_the_sdk_elsewhere_gets_no_folder_unasked() {
        let elsewhere = Environment { endpoint: Some("AWS_ENDPOINT_URL_S3".into()), ..Environment::default() };
        let refused = named(&typed(None, NONE), &elsewhere).unwrap_err().to_string();
        assert!(refused.contains("AWS_ENDPOINT_URL_S3"), "{refused}");
        assert_eq!(named(&typed(Some("x"), NONE), &elsewhere).unwrap(), Named::Folder("x".into()));
        let of_environment = Environment { data: Some("x".into()), ..elsewhere };
        assert_eq!(named(&typed(None, NONE), &of_environment).unwrap(), Named::Folder("x".into()));
    }

    #[test]
    fn half_a_stack_and_two_places_are_refused() {
        for place in [
            typed(None, [None, Some("table"), None, None]),
            typed(None, [None, Some("table"), Some("bucket"), None]),
            typed(None, [None, None, Some("bucket"), Some("bus")]),
            typed(None, [Some("stack"), Some("table"), None, None]),
            typed(Some("folder"), [Some("stack"), None, None, None]),
            typed(Some("folder"), [None, Some("table"), Some("bucket"), Some("bus")]),
        ] {
            named(&place, &Environment::default()).unwrap_err();
        }
        let mut region = typed(None, NONE);
        region.stack.region = Some("eu-central-1".into());
        named(&region, &Environment::default()).unwrap_err();
    }
}
