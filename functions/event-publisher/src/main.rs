//! The Lambda function `event-publisher`, run by the table's stream.

use event_publisher::Publisher;
use vestibule_platform::{BoxError, Bus, Clock, Config, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone())
        .leaving_senders_sealed()
        .leaving_people_sealed();
    let bus = Bus::new(aws_sdk_eventbridge::Client::new(&sdk), &config);
    let publisher = Publisher::new(store, bus, Clock::system());
    lambda::run_frequent_events(|event| {
        let publisher = publisher.clone();
        async move { publisher.handle(event).await }
    })
    .await
}
