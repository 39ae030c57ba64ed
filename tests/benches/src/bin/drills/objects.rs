//! Every object of the newest report file, lost or damaged in every way, while the program serves and after it was started
//! anew: reporting goes on by itself, and `rebuild` takes what is lost off the list.

use crate::goals::Goals;
use serde_json::Value;
use vestibule_benches::BoxError;
use vestibule_benches::load::TENANT;
use vestibule_program_tests::{Client, Folder, Serve, Tenant, enrollment, now};

/// What is done to an object.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Lost,
    Emptied,
    Cut,
    /// One bit, at this percentage of its length.
    Flipped(usize),
}

const DAMAGES: [Damage; 7] = [
    Damage::Lost,
    Damage::Emptied,
    Damage::Cut,
    Damage::Flipped(0),
    Damage::Flipped(1),
    Damage::Flipped(50),
    Damage::Flipped(100),
];

/// The object, and where a list of files has its digest.
const OBJECTS: [(&str, &str); 4] =
    [("sqlite", "/id"), ("json", "/id"), ("summary.sqlite", "/summary/sha256"), ("html", "/reportHtml/sha256")];

fn damage(path: &std::path::Path, how: Damage) -> std::io::Result<()> {
    let mut bytes = std::fs::read(path)?;
    match how {
        Damage::Lost => return std::fs::remove_file(path),
        Damage::Emptied => bytes.clear(),
        Damage::Cut => bytes.truncate(bytes.len() / 2),
        Damage::Flipped(percent) => {
            let at = bytes.len().saturating_sub(1) * percent / 100;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x20;
            }
        }
    }
    std::fs::write(path, bytes)
}

/// Stores one more enrollment and asks for the report and for a file. Returns the file, and whether both have it.
async fn goes_on(serve: &Serve, tenant: &Tenant, newest: &Value, number: usize) -> (Value, bool) {
    let event = enrollment(&format!("e{number}"), "enrollment.started", now(), &format!("SERIAL{number:05}"));
    let accepted = serve.sender(tenant).post(&event).await.ok(202)["accepted"] == 1;
    let api = Client::new(&serve.url, &tenant.admin);
    let reported = api.json("/api/reports/incomplete-enrollments").await["initiated"] == number;
    let file = api.next_file(&newest["id"]).await;
    let is_whole = file["rows"]["attempts"] == number;
    (file, accepted && reported && is_whole)
}

pub(crate) async fn run(goals: &mut Goals) -> Result<(), BoxError> {
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    let mut serve = folder.serve();
    let (mut number, mut damages, mut stopped) = (1, 0, Vec::new());
    let (mut newest, _) = goes_on(&serve, &tenant, &Value::Null, number).await;
    for (ending, digest) in OBJECTS {
        for how in DAMAGES {
            for starts_anew in [false, true] {
                let sha256 = newest.pointer(digest).and_then(Value::as_str).ok_or("the file has no such part")?;
                damage(&folder.object(TENANT, sha256, ending), how)?;
                if starts_anew {
                    serve.terminate();
                    serve = folder.serve();
                }
                (number, damages) = (number + 1, damages + 1);
                let (file, went_on) = goes_on(&serve, &tenant, &newest, number).await;
                newest = file;
                if !went_on {
                    stopped.push(format!("{ending} {how:?}"));
                }
            }
        }
    }
    let on = damages - stopped.len();
    goals.must("reporting goes on by itself", stopped.is_empty(), &format!("{on} of {damages} times {stopped:?}"));
    let found = folder.run(&["verify"]);
    goals.must("`verify` finds what is lost", !found.success, found.stderr.trim());
    let rebuilt = folder.run(&["rebuild", TENANT]);
    let answer: Value = serde_json::from_str(&rebuilt.stdout).unwrap_or_default();
    goals.must("`rebuild` succeeds", rebuilt.success, &format!("{} files forgotten", answer["filesForgotten"]));
    let verified = folder.run(&["verify"]);
    goals.must("afterwards `verify` finds nothing", verified.success, verified.stderr.trim());
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
