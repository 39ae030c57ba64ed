//! The Lambda function `report-export`, run by each request for one tenant's file.

use report_export::Exporter;
use vestibule_archive::{self as archive, Archive};
use vestibule_platform::{BoxError, Bus, Clock, Config, clients, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone()).leaving_senders_sealed();
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let s3 = aws_sdk_s3::Client::new(&clients::for_files(&sdk));
    let (advice, scratch) = (archive::advice(config.advice.as_deref())?, std::env::temp_dir().join("report-export"));
    let archive = Archive::new(store, s3, config.bucket.clone(), scratch, advice);
    let bus = Bus::new(aws_sdk_eventbridge::Client::new(&sdk), &config);
    let exporter = Exporter::new(archive, bus, Clock::system())?;
    lambda::run_events(|event| {
        let exporter = exporter.clone();
        async move { exporter.handle(event).await }
    })
    .await
}
