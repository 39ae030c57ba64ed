//! 2 000 connections of strangers: half of them silent, half of them sending a byte of a head now and then. All are opened
//! again some seconds after the program closed them. Meanwhile a person asks and a sender posts.

use crate::goals::Goals;
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vestibule_benches::load::{Load, TENANT};
use vestibule_benches::{BoxError, percentiles};
use vestibule_program_tests::strangers::{allow_descriptors, attacker, connect};
use vestibule_program_tests::{Client, Folder, Serve};

const CONNECTIONS: usize = 2_000;
/// Connections of one address.
const OF_ADDRESS: usize = 20;
/// How often a slow one sends a byte.
const DRIP: Duration = Duration::from_secs(1);
/// How long a stranger whose connection was closed waits before the next one.
const REOPEN: Duration = Duration::from_secs(5);
/// How long it lasts.
const TIME: Duration = Duration::from_secs(30);
/// How often somebody asks and posts.
const ASK: Duration = Duration::from_millis(50);
/// How long an answer may take, except one in a hundred.
const GOAL: Duration = Duration::from_millis(1_000);

/// One stranger after another from one place, until the time is over.
async fn stranger(serve: &Serve, number: usize, until: Instant, opened: &AtomicUsize) {
    while Instant::now() < until {
        let mut stream = connect(serve, attacker(number / OF_ADDRESS)).await;
        opened.fetch_add(1, Ordering::Relaxed);
        let (mut answer, mut head) = stream.split();
        let drip = async {
            let is_slow = number % 2 == 1;
            for byte in b"GET / HTTP/1.1\r\nhost: ".iter().chain(std::iter::repeat(&b'x')) {
                if is_slow && head.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(DRIP).await;
            }
        };
        let mut rest = Vec::new();
        tokio::select! {
            _ = answer.read_to_end(&mut rest) => {}
            () = drip => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
        tokio::time::sleep(REOPEN).await;
    }
}

pub(crate) async fn run(goals: &mut Goals) -> Result<(), BoxError> {
    allow_descriptors(4_096);
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    let serve = folder.serve();
    let (before, load) = (serve.descriptors(), Load::new(&serve.url, &tenant.secret)?);
    let api = Client::new(&serve.url, &tenant.admin);
    api.json("/api/reports/incomplete-enrollments").await;
    let (until, opened) = (Instant::now() + TIME, AtomicUsize::new(0));
    let strangers: FuturesUnordered<_> =
        (0..CONNECTIONS).map(|number| stranger(&serve, number, until, &opened)).collect();
    let others = async {
        let (mut times, mut failed, mut most, mut number) = (Vec::new(), 0, 0, 0);
        while Instant::now() < until {
            let begun = Instant::now();
            let asked = if number % 2 == 0 {
                api.get("/api/reports/incomplete-enrollments").await.status == 200
            } else {
                load.send_again(number).await.is_ok_and(|(status, _)| status.is_success())
            };
            times.push(begun.elapsed());
            failed += usize::from(!asked);
            most = most.max(serve.descriptors().saturating_sub(before));
            number += 1;
            tokio::time::sleep(ASK).await;
        }
        (times, failed, most)
    };
    let ((times, failed, most), _) = futures::join!(others, strangers.collect::<Vec<()>>());
    let opened = opened.into_inner();
    goals
        .note(&format!("{opened} connections of strangers in {TIME:.0?}, {most} of their descriptors at once at most"));
    goals.must("all were there", opened >= CONNECTIONS, &format!("{opened} of {CONNECTIONS}"));
    goals.must("everybody else is answered", failed == 0, &format!("{failed} of {} are not", times.len()));
    let [p50, p99] = percentiles(times);
    goals.must("in a second, but for one in a hundred", p99 < GOAL, &format!("p50 {p50:.1?}, p99 {p99:.1?}"));
    goals.must("no more connections are held than it may", most <= 1_000 + 50, &format!("{most}"));
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
