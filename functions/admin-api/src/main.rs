//! The Lambda function `admin-api`.

use admin_api::Api;
use vestibule_archive::{self as archive, Archive};
use vestibule_domain::Millis;
use vestibule_platform::{Access, BoxError, Bus, Clock, Config, clients, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone());
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let s3 = aws_sdk_s3::Client::new(&clients::for_files(&sdk));
    let (advice, scratch) = (archive::advice(config.advice.as_deref())?, std::env::temp_dir().join("admin-api"));
    let staleness = Millis::new(config.staleness_ms.into());
    let archive = Archive::new(store, s3, config.bucket.clone(), scratch, advice).with_staleness(staleness);
    let bus = Bus::new(aws_sdk_eventbridge::Client::new(&sdk), &config);
    // API Gateway has no plain http.
    let api = Api::new(archive, bus, Clock::system(), Access::from_env()?.always_by_https())?;
    lambda::run_http_until(|request, left| {
        let api = api.clone();
        async move { api.handle_in_time(request, left).await }
    })
    .await
}
