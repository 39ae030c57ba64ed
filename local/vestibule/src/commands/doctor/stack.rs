//! Looks at a stack's parts from outside: whether they are there, and whether the table has what the functions need.

use super::Finding;
use crate::target::Deployed;
use vestibule_causes::causes;
use vestibule_platform::Config;

/// What to do if a part cannot be seen.
const NOT_SEEN: &str = "see whether its name, the region and the credentials are those of the stack, and may read it";

/// Looks, and says whether the table is there.
pub async fn look(stack: &Deployed, findings: &mut Vec<Finding>) -> bool {
    let Config { table, bucket, bus, .. } = &stack.config;
    let described = stack.clients.dynamodb.describe_table().table_name(table).send().await;
    let described = match &described {
        Ok(described) => described.table(),
        Err(error) => {
            findings.push(Finding::failed("table", format!("{table}: {}", causes(error)), NOT_SEEN));
            None
        }
    };
    if let Some(described) = described {
        let has_stream = described.stream_specification().is_some_and(|stream| stream.stream_enabled());
        let state = described.table_status().map_or("not reported", |state| state.as_str());
        findings.push(match has_stream {
            true => Finding::fine("table", format!("{table} is {state} and has its stream")),
            false => Finding::failed(
                "table",
                format!("{table} is {state} and has no stream"),
                "nothing is published without it: update the stack from the template",
            ),
        });
    }
    findings.push(match stack.clients.s3.head_bucket().bucket(bucket).send().await {
        Ok(_) => Finding::fine("bucket", format!("{bucket} is there")),
        Err(error) => Finding::failed("bucket", format!("{bucket}: {}", causes(&error)), NOT_SEEN),
    });
    findings.push(match stack.clients.events.describe_event_bus().name(bus).send().await {
        Ok(_) => Finding::fine("bus", format!("{bus} is there")),
        Err(error) => Finding::failed("bus", format!("{bus}: {}", causes(&error)), NOT_SEEN),
    });
    described.is_some()
}
