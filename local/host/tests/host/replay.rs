//! The stream read once more, with gaps as AWS may have them.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodbstreams::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodbstreams::error::BoxError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use vestibule_host::replay::replay;
use vestibule_host::{Host, HostError, Names};

/// Puts answers without records before those of the stream: so many before the first, and as many before the second.
#[derive(Clone, Debug)]
struct Gaps {
    each: u32,
    asked: Arc<AtomicU32>,
    /// Of the request that is under way, if it is one for records; there is one at a time.
    iterator: Arc<Mutex<Option<Value>>>,
}

impl Intercept for Gaps {
    fn name(&self) -> &'static str {
        "Gaps"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request: Value = serde_json::from_slice(context.request().body().bytes().unwrap_or_default())?;
        *self.iterator.lock().unwrap() = request.get("ShardIterator").cloned();
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(iterator) = self.iterator.lock().unwrap().take() else { return Ok(()) };
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if asked % (self.each + 1) < self.each && asked < 2 * (self.each + 1) {
            // The next answer is that of the same place.
            let gap = json!({"Records": [], "NextShardIterator": iterator}).to_string();
            *context.response_mut().body_mut() = SdkBody::from(gap);
        }
        Ok(())
    }
}

async fn put(host: &Host, key: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = host.clients.dynamodb.put_item().table_name("table").item("pk", text(key)).item("sk", text("x"));
    put.send().await.unwrap();
}

#[tokio::test]
async fn a_shard_is_read_to_the_mark_whatever_gaps_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let names = Names { table: "table".into(), bucket: "bucket".into(), bus: "vestibule".into() };
    let host = Host::start(folder.path(), &names).await.unwrap();
    // More than one answer takes.
    for number in 0..1_200 {
        put(&host, &format!("before {number}")).await;
    }
    let gaps = Gaps { each: 9, asked: Arc::default(), iterator: Arc::default() };
    let streams = Client::from_conf(host.clients.streams.config().to_builder().interceptor(gaps.clone()).build());
    let mut seen = Vec::new();
    let mark = async |marks: usize| -> Result<HashSet<String>, HostError> {
        assert!(marks > 0);
        put(&host, "mark").await;
        put(&host, "after").await;
        Ok(HashSet::from(["mark".to_owned()]))
    };
    let without_end = replay::<HostError>(&streams, "table", mark, async |records| {
        seen.extend(records.iter().map(|record| record.key().unwrap().to_owned()));
        Ok(())
    });
    assert_eq!(without_end.await.unwrap(), 0);
    let all = (0..1_200).map(|number| format!("before {number}"));
    let all: Vec<String> = all.chain(["mark".to_owned(), "after".to_owned()]).collect();
    assert_eq!(seen, all);
    assert_eq!(gaps.asked.load(Ordering::SeqCst), 20, "it does not wait for an end that never comes");
}
