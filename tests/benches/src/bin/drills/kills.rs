//! SIGKILL under signed load, again and again. Each round begins where the one before was cut off, on the same folder.

use crate::UNLIMITED;
use crate::goals::Goals;
use rusqlite::Connection;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vestibule_benches::BoxError;
use vestibule_benches::load::{Load, TENANT, id, nth};
use vestibule_program_tests::{Client, Folder, eventually};

/// Connections that send at the same time.
const CONNECTIONS: usize = 8;
/// Events that are acknowledged in a round before its kill, and how many more the next one waits for: each round is cut
/// off at another point of the work.
const FEWEST: usize = 40;
const MORE: usize = 7;

pub(crate) async fn run(rounds: usize, goals: &mut Goals) -> Result<(), BoxError> {
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    let (mut acknowledged, mut unanswered, mut others) = (Vec::new(), 0, 0);
    let (mut next, mut slowest) = (0, Duration::ZERO);
    for round in 0..rounds {
        let begun = Instant::now();
        let serve = folder.serve_with(&UNLIMITED);
        slowest = slowest.max(begun.elapsed());
        let load = Load::new(&serve.url, &tenant.secret)?.after(next);
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let kill = async {
            let enough = FEWEST + round * MORE;
            eventually("events are acknowledged", async || (count.load(Ordering::Relaxed) >= enough).then_some(()))
                .await;
            serve.kill();
        };
        let (sent, ()) = futures::join!(load.send_until(CONNECTIONS, &stop, &count), kill);
        let sent = sent?;
        next = load.sent();
        acknowledged.extend(sent.acknowledged);
        unanswered += sent.unanswered;
        others += sent.others.values().sum::<usize>();
    }

    let begun = Instant::now();
    let serve = folder.serve_with(&UNLIMITED);
    let anybody = Client::new(&serve.url, "");
    eventually("it is ready", async || (anybody.get("/readyz").await.status == 200).then_some(())).await;
    goals.note(&format!("ready {:.1?} after the last kill; the slowest start took {slowest:.1?}", begun.elapsed()));
    let exported = folder.json(&["export", TENANT]);
    let path = exported["path"].as_str().ok_or("the export has no path")?;
    let stored: HashSet<String> = Connection::open(path)?
        .prepare("SELECT event_id FROM attempt_timeline")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // One that is in no attempt may be stored all the same: then it is answered as one that was there.
    let load = Load::new(&serve.url, &tenant.secret)?;
    let (mut lost, mut beside) = (Vec::new(), 0);
    for number in &acknowledged {
        let (device, step) = nth(*number);
        if stored.contains(&id(device, step)) {
            continue;
        }
        let (_, answer) = load.send_again(*number).await?;
        if answer["duplicates"] == 1 { beside += 1 } else { lost.push(id(device, step)) }
    }
    goals.note(&format!(
        "{} events acknowledged, {unanswered} cut off; {} in the file, {beside} only in the table",
        acknowledged.len(),
        stored.len()
    ));
    goals.must("every start succeeds by itself", true, &format!("{} of {}", rounds + 1, rounds + 1));
    goals.must("no event is refused", others == 0, &format!("{others}"));
    let some: Vec<&String> = lost.iter().take(5).collect();
    goals.must("no acknowledged event is lost", lost.is_empty(), &format!("{} {some:?}", lost.len()));
    let verified = folder.run(&["verify"]);
    goals.must("`verify` finds nothing", verified.success, verified.stderr.trim());
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
