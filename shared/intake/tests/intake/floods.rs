//! A tenant that floods a function, which runs in many processes.

use crate::log::{Hooks, other};
use http::StatusCode;

const PROCESSES: usize = 5;
/// Requests a minute that the tenant may make.
const A_MINUTE: u32 = 60;

/// How many are served of a request each other second to each process, in the minute that begins at `from`.
async fn served(processes: &[Hooks], from: i64) -> usize {
    let mut served = 0;
    for second in (from..from + 60).step_by(2) {
        for process in processes {
            // In a box, since the compiler does not follow futures that deep.
            let answer = Box::pin(process.post(second, &other("created_pack"))).await;
            served += usize::from(answer == StatusCode::OK);
        }
    }
    served
}

#[tokio::test]
async fn a_flood_over_many_processes_is_limited_as_over_one() {
    let first = Hooks::start().await.limited(A_MINUTE);
    let mut processes: Vec<Hooks> = (1..PROCESSES).map(|_| first.again().limited(A_MINUTE)).collect();
    processes.push(first);
    // Each process alone gets half of what one may, and all together more than twice of it.
    assert_eq!(served(&processes, 0).await, 150, "nobody knows of the others yet");
    served(&processes, 60).await;
    served(&processes, 120).await;
    for minute in 3..6 {
        let served = served(&processes, minute * 60).await;
        assert!((50..=70).contains(&served), "{served} in minute {minute}");
    }
    // Nothing is left of it when the flood is over.
    for minute in 20..23 {
        assert_eq!(served(&processes[..1], minute * 60).await, 30, "minute {minute}");
    }
}
