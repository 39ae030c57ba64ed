//! The Lambda function `notify`, run every five minutes by a schedule, and by the events on the bus that rules may be about.

use notify::{Notify, Reach};
use vestibule_archive::{self as archive, Archive};
use vestibule_domain::Millis;
use vestibule_platform::{BoxError, Clock, Config, clients, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone()).leaving_senders_sealed();
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let s3 = aws_sdk_s3::Client::new(&clients::for_files(&sdk));
    let (advice, scratch) = (archive::advice(config.advice.as_deref())?, std::env::temp_dir().join("notify"));
    let staleness = Millis::new(config.staleness_ms.into());
    let archive = Archive::new(store, s3, config.bucket, scratch, advice).with_staleness(staleness);
    let notify = Notify::new(archive, Reach::Public, Clock::system());
    lambda::run_events(|event| {
        let notify = notify.clone();
        async move { notify.handle(event).await }
    })
    .await
}
