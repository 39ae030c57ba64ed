//! The Lambda function `esp-status`.

use vestibule_platform::{BoxError, Clock, Config, config, lambda, telemetry};
use vestibule_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    telemetry::init();
    let config = Config::from_env()?;
    let sdk = config::sdk_config();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), config.table.clone()).leaving_people_sealed();
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let hook = esp_status::hook(store, Clock::system()).limited(config::hook_requests_a_minute()?);
    lambda::run_http_until(|request, left| {
        let hook = hook.clone();
        async move { hook.handle_in_time(request, left).await }
    })
    .await
}
