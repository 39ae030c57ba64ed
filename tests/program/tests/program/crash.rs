//! When the program is killed at any moment, all that it acknowledged is stored, and the consequences still follow.

use rusqlite::Connection;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vestibule_program_tests::{Folder, enrollment, eventually, now};

const SENDERS: usize = 4;
const ROUNDS: usize = 3;
/// Events acknowledged in each round before it is killed, so that each round stops at a different point of the work.
const ACKNOWLEDGED: [usize; ROUNDS] = [30, 75, 140];

/// The details published so far of one type, by device.
fn published(folder: &Folder, detail_type: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(folder.data().join("bus").join("events.ndjson")).unwrap_or_default();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["detail-type"] == detail_type).map(|event| event["detail"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_senders_post_it_loses_nothing_acknowledged() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let mut acknowledged: Vec<String> = Vec::new();
    for (round, enough) in ACKNOWLEDGED.into_iter().enumerate() {
        let serve = folder.serve();
        let count = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..SENDERS)
            .map(|task| {
                let (sender, count) = (serve.sender(&contoso), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    for number in 0.. {
                        let id = format!("r{round}-t{task}-n{number}");
                        // Every third event is about the device before, so that existing items are also rewritten.
                        let device = if number % 3 == 2 { number - 1 } else { number };
                        let serial = format!("device-r{round}-t{task}-n{device}");
                        let kind = if number % 3 == 2 { "enrollment.compliant" } else { "enrollment.started" };
                        match sender.try_post(&enrollment(&id, kind, now(), &serial)).await {
                            Some(202) => {
                                mine.push(id);
                                count.fetch_add(1, Ordering::SeqCst);
                            }
                            // The program has been killed.
                            None => break,
                            Some(other) => panic!("answered {other}"),
                        }
                    }
                    mine
                })
            })
            .collect();
        eventually("enough is acknowledged", async || (count.load(Ordering::SeqCst) >= enough).then_some(())).await;
        serve.kill();
        for task in tasks {
            acknowledged.extend(task.await.unwrap());
        }
    }
    assert!(acknowledged.len() >= ACKNOWLEDGED.iter().sum());

    let serve = folder.serve();
    let exported = folder.json(&["export", "contoso"]);
    let conn = Connection::open(exported["path"].as_str().unwrap()).unwrap();
    let read = |sql: &str| -> HashSet<String> {
        let mut rows = conn.prepare(sql).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let kept = read("SELECT event_id FROM attempt_timeline");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !kept.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged events are lost: {lost:?}", lost.len(), acknowledged.len());

    // What the killed processes did not finish is done as well: each attempt is published at least once, and a repeated
    // publication has the same id.
    let attempts = read("SELECT attempt_id FROM enrollment_attempts");
    assert!(attempts.len() >= acknowledged.len() / 2);
    eventually("every start is published", async || {
        let details = published(&folder, "EnrollmentStarted");
        let started: HashSet<_> = details.iter().filter_map(|detail| detail["attemptId"].as_str()).collect();
        attempts.iter().all(|attempt| started.contains(attempt.as_str())).then_some(())
    })
    .await;
    let details = published(&folder, "EnrollmentStarted");
    let ids: HashSet<_> = details.iter().map(|detail| detail["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), attempts.len(), "each attempt has one start, however often it is published");
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn a_command_that_was_killed_leaves_a_folder_that_works() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    for _ in 0..3 {
        let mut child = folder.command(&["export", "contoso"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        // It is killed on its way, once its services have published their endpoint.
        eventually("it is on its way", async || {
            let there = folder.data().join("endpoint.json").exists();
            (there || child.try_wait().unwrap().is_some()).then_some(())
        })
        .await;
        let _ended_already = child.kill();
        child.wait().unwrap();
    }
    let serve = folder.serve();
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
    assert_eq!(folder.json(&["export", "contoso"])["rows"]["attempts"], 1);
    assert_eq!(serve.terminate().code(), Some(0));
}
