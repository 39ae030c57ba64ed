//! The settings of every AWS client, both in a deployed function and on one machine. Code that makes a client adds only
//! the service's address and the credentials.
//!
//! Must stay true: nothing is cut off for its size alone. A call that carries little has a time limit; a file transfer
//! has none while it moves.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use std::time::Duration;

/// An execution environment may be thawed with a dead connection; without a limit, a call would use up the whole
/// invocation.
const CONNECT: Duration = Duration::from_secs(2);
/// The limit for one try of a call that carries little.
const TRY: Duration = Duration::from_secs(5);
/// The limit for all tries of such a call.
const CALL: Duration = Duration::from_secs(20);
/// The largest number of tries.
const TRIES: u32 = 3;
/// A transfer that has not moved for this long is given up. A slow connection takes what its buffers hold (some
/// megabytes) at once and then nothing for a while, so a shorter limit would end transfers that are only slow.
const STALLED: Duration = Duration::from_secs(60);

/// Time limits of calls that carry little.
fn call_limits() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(TRY).operation_timeout(CALL).build()
}

/// For DynamoDB and EventBridge: each try and each call has a time limit. It ends a stalled call before the SDK's own
/// watch of its bytes would, so that is off: it costs each call a timer.
pub fn for_calls(config: &SdkConfig) -> SdkConfig {
    let limits = call_limits();
    let unwatched = StalledStreamProtectionConfig::disabled();
    config.to_builder().timeout_config(limits).stalled_stream_protection(unwatched).retry_config(retries()).build()
}

/// For S3: the connection must be made in time, and data must move. How long a transfer takes depends on its size and
/// the connection, so neither a try nor a call has a time limit.
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
        let watched = calls.stalled_stream_protection();
        assert!(watched.is_some_and(|watched| !watched.upload_enabled() && !watched.download_enabled()));
    }
}
