//! The Lambda function `graph-pull`, run every five minutes by a schedule, and by the events that it puts on the bus.

use graph_pull::{GraphPull, Puller, addresses_from_env};
use vestibule_graph::Https;
use vestibule_intake::Hook;
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
    let store = vestibule_vault::with_key_of_environment(store, &sdk, &config.table);
    let bus = Bus::new(aws_sdk_eventbridge::Client::new(&sdk), &config);
    let hook = Hook::new(store.clone(), Clock::system());
    let puller = Puller::new(store, hook, Clock::system(), Https::default(), addresses_from_env()?)?;
    let pull = GraphPull::new(puller, bus);
    lambda::run_events(|event| {
        let pull = pull.clone();
        async move { pull.handle(event).await }
    })
    .await
}
