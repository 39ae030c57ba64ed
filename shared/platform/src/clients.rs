//! The settings of every client of an AWS service, in a deployed function and on one machine alike: who makes a client
//! adds only where the service is and who is asking.
//!
//! Must stay true: nothing that is sent or received is cut off for its size alone. A call that carries little has a limit
//! in time; a file has none for as long as it moves.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use std::time::Duration;

/// An execution environment may be thawed with a dead connection: a call without a limit would take the invocation
/// with it.
const CONNECT: Duration = Duration::from_secs(2);
/// For one try of a call that carries little.
const TRY: Duration = Duration::from_secs(5);
/// For all tries of such a call.
const CALL: Duration = Duration::from_secs(20);
/// How often anything is tried.
const TRIES: u32 = 3;
/// A file that has not moved for so long is given up. A slow way takes in what its buffers hold (some megabytes) at once
/// and then nothing for a while, so a shorter patience would end what is only slow.
const STALLED: Duration = Duration::from_secs(60);

/// Limits in time of calls that carry little.
pub(crate) fn call_limits() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(TRY).operation_timeout(CALL).build()
}

/// For DynamoDB and EventBridge: each try and each call has a limit in time.
pub fn for_calls(config: &SdkConfig) -> SdkConfig {
    let limits = call_limits();
    config.to_builder().timeout_config(limits).retry_config(retries()).build()
}

/// For S3: a connection must be made in time, and what is sent or received must move; how long it takes depends on its
/// size and the way, so neither a try nor a call has a limit.
pub fn for_files(config: &SdkConfig) -> SdkConfig {
    let limits = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .disable_read_timeout()
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build();
    let moving = StalledStreamProtectionConfig::enabled().grace_period(STALLED).build();
    config.to_builder().timeout_config(limits).stalled_stream_protection(moving).retry_config(retries()).build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_limits_and_files_must_move() {
        let base = SdkConfig::builder().build();
        let (calls, files) = (for_calls(&base), for_files(&for_calls(&base)));
        let limits = calls.timeout_config();
        assert_eq!(limits.and_then(TimeoutConfig::operation_attempt_timeout), Some(TRY));
        assert_eq!(limits.and_then(TimeoutConfig::operation_timeout), Some(CALL));
        let limits = files.timeout_config();
        assert_eq!(limits.and_then(TimeoutConfig::connect_timeout), Some(CONNECT));
        assert_eq!(limits.and_then(TimeoutConfig::operation_attempt_timeout), None);
        assert_eq!(limits.and_then(TimeoutConfig::operation_timeout), None);
        let moving = files.stalled_stream_protection();
        assert!(moving.is_some_and(|moving| moving.upload_enabled() && moving.download_enabled()));
    }
}
