//! The Lambda function `abandonment-sweep`, run by a schedule every minute.

use abandonment_sweep::Sweep;
use vestibule_domain::Timestamp;
use vestibule_platform::{BoxError, Clock, Config, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone());
    let store = store.leaving_senders_sealed().leaving_people_sealed();
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let sweep = Sweep::new(store, Clock::system());
    lambda::run_events_until(|_event, deadline| {
        let sweep = sweep.clone();
        let deadline = deadline.map(Timestamp::from_millis);
        async move { Ok(serde_json::to_value(sweep.run_until(deadline).await?)?) }
    })
    .await
}
