//! A deployed stack: what CloudFormation says of it, and clients with the SDK's own credentials, region and profile.

use crate::cli::StackOptions;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::Stack;
use std::sync::Arc;
use vestibule_host::Clients;
use vestibule_platform::config::HookAddresses;
use vestibule_platform::{BoxError, Clock, Config, clients};
use vestibule_vault::KmsVault;

/// A deployed stack.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its name in CloudFormation, if it was named by that.
    pub stack: Option<String>,
    /// The names of its parts.
    pub config: Config,
    /// The address at which people and senders reach it, if CloudFormation says it.
    pub url: Option<String>,
    /// The addresses of the webhooks' functions, if they have addresses of their own.
    pub hooks: HookAddresses,
    /// Its region.
    pub region: String,
    /// Whether its functions have advice of the organisation's own, in a layer.
    pub has_advice: bool,
    /// Its clients.
    pub clients: Clients,
    /// What opens the secrets of its tenants, and seals them if its key is known.
    pub vault: Arc<KmsVault>,
}

impl Deployed {
    /// The stack of that name, by what CloudFormation says of its parameters and outputs.
    ///
    /// # Errors
    /// If there is none, or it lacks an output.
    pub async fn by_name(name: &str, options: &StackOptions) -> Result<Self, BoxError> {
        let (sdk, region) = sdk(options).await?;
        let asked = aws_sdk_cloudformation::Client::new(&clients::for_calls(&sdk)).describe_stacks().stack_name(name);
        let stacks = asked.send().await.map_err(|error| {
            let says = error.message().unwrap_or_default();
            match says.contains("does not exist") {
                true => format!("there is no stack {name} in {region}"),
                false => format!(
                    "CloudFormation can't be asked for the stack {name} in {region}: {}",
                    vestibule_causes::causes(&error)
                ),
            }
        })?;
        let stack = stacks.stacks().first().ok_or_else(|| format!("there is no stack {name} in {region}"))?;
        let output = |key: &str| output(stack, key);
        let needed = |key: &str| {
            output(key)
                .ok_or_else(|| format!("the stack {name} has no output {key}: is it one of Vestibule's template?"))
        };
        let config = Config {
            table: needed("TableName")?,
            bucket: needed("BucketName")?,
            bus: needed("BusName")?,
            source: parameter(stack, "EventSource").unwrap_or_else(|| "vestibule".to_owned()),
            advice: None,
            staleness_ms: 0,
        };
        // A stack of an earlier release has none.
        let vault = vault(&sdk, &config, output("SecretsKeyArn").as_deref());
        Ok(Self {
            stack: Some(stack.stack_name().unwrap_or(name).to_owned()),
            config,
            url: output("Url").map(|url| url.trim_end_matches('/').to_owned()),
            hooks: HookAddresses {
                enrollment_events: output("EnrollmentEventsUrl"),
                esp_status: output("EspStatusUrl"),
            },
            region,
            has_advice: parameter(stack, "AdviceLayerArn").is_some(),
            vault,
            clients: Clients::of(&sdk),
        })
    }

    /// A stack of these parts; `key` is that of its secrets.
    ///
    /// # Errors
    /// If there is no region, or a name is none.
    pub async fn of(config: Config, key: Option<&str>, options: &StackOptions) -> Result<Self, BoxError> {
        // It names a folder of this machine as well.
        let is_name = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
        if config.table.len() < 3 || !config.table.chars().all(is_name) {
            return Err(format!("{} is not the name of a table", config.table).into());
        }
        let (sdk, region) = sdk(options).await?;
        let (clients, vault) = (Clients::of(&sdk), vault(&sdk, &config, key));
        let hooks = HookAddresses::default();
        Ok(Self { stack: None, config, url: None, hooks, region, has_advice: false, clients, vault })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.stack.as_deref().unwrap_or(&self.config.table)
    }
}

fn vault(sdk: &SdkConfig, config: &Config, key: Option<&str>) -> Arc<KmsVault> {
    Arc::new(KmsVault::new(&clients::for_calls(sdk), &config.table, key, Clock::system()))
}

/// The SDK's configuration, and the region.
async fn sdk(options: &StackOptions) -> Result<(SdkConfig, String), BoxError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    let sdk = loader.load().await;
    let region = sdk.region().map(ToString::to_string);
    let region =
        region.ok_or("the region is not known: give --region, or set AWS_REGION, or a region in the profile")?;
    // It names a folder of this machine as well.
    if region.is_empty() || !region.chars().all(|char| char.is_ascii_alphanumeric() || char == '-') {
        return Err(format!("{region} is not the name of a region").into());
    }
    Ok((sdk, region))
}

fn output(stack: &Stack, key: &str) -> Option<String> {
    let found = stack.outputs().iter().find(|output| output.output_key() == Some(key))?;
    found.output_value().filter(|value| !value.is_empty()).map(str::to_owned)
}

fn parameter(stack: &Stack, key: &str) -> Option<String> {
    let found = stack.parameters().iter().find(|parameter| parameter.parameter_key() == Some(key))?;
    found.parameter_value().filter(|value| !value.is_empty()).map(str::to_owned)
}
