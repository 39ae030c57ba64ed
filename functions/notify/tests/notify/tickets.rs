//! The sample that makes tickets of messages (docs/itsm/receiver.py) runs as it stands, and is given what the function sends.

use crate::peers::Peers;
use crate::world::{SIGNING, World, contoso, minute};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use vestibule_domain::{Millis, Timestamp};
use vestibule_notices::{Bad, Keys, Policy, To, Watch};
use vestibule_store::Notices;
use vestibule_test_tools::python_of_peers;
use vestibule_webhook::signature;

/// Prints the tickets as JSON: of each its key, whether it is resolved, and its notes.
const READ: &str = "
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
notes = lambda number: [text for (text,) in db.execute('SELECT text FROM notes WHERE ticket = ? ORDER BY rowid', [number])]
tickets = db.execute('SELECT key, resolved, number FROM tickets ORDER BY number').fetchall()
print(json.dumps([[key, bool(resolved), notes(number)] for key, resolved, number in tickets]))
";

/// The sample, which ends with the test.
struct Desk {
    child: Child,
    address: String,
    tickets: PathBuf,
}

impl Desk {
    fn start(folder: &Path) -> Self {
        let tickets = folder.join("tickets.sqlite");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/itsm/receiver.py");
        let mut child = Command::new(python_of_peers())
            .arg(script)
            .arg(&tickets)
            .arg("0")
            .env("SIGNING_KEY", SIGNING)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().trim_end_matches('/').rsplit("//").next().unwrap().to_owned();
        Self { child, address, tickets }
    }

    /// Posts a body that is signed with this key as of this instant, and returns the status.
    fn post(&self, id: &str, key: &str, at: Timestamp, body: &str) -> u16 {
        let signature = signature::sign(key, id, at, body.as_bytes()).unwrap();
        let head = format!(
            "POST / HTTP/1.0\r\nwebhook-id: {id}\r\nwebhook-timestamp: {}\r\nwebhook-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            at.seconds(),
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Takes what a peer received from the function. It is signed anew, since the sample goes by the machine's clock and not
    /// by the test's.
    fn takes(&self, heard: &Value) {
        assert_eq!(self.post(heard["id"].as_str().unwrap(), SIGNING, real_now(), &heard["hook"].to_string()), 204);
    }

    fn tickets(&self) -> Vec<Value> {
        let output = Command::new(python_of_peers()).args(["-c", READ]).arg(&self.tickets).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The machine's time.
fn real_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// The message that the documentation shows.
fn documented() -> Value {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/MESSAGES.md");
    let page = std::fs::read_to_string(page).unwrap();
    let message = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    serde_json::from_str(message).unwrap()
}

/// The same without any text or number: only what it consists of.
fn members(value: &Value) -> Value {
    match value {
        Value::Object(all) => all.iter().map(|(name, one)| (name.clone(), members(one))).collect(),
        Value::Array(all) => all.iter().map(members).collect(),
        _ => Value::Null,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_has_one_ticket_for_each_thing_and_resolves_what_is_over() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::start(folder.path());
    let url = Some(peers.url(&format!("signed/{SIGNING}")));
    let keys = Keys { signing: Some(SIGNING.to_owned()), url, ..Keys::default() };
    world.channel("itsm", To::Webhook { host: "127.0.0.1".to_owned() }, keys).await;
    let of = BTreeSet::from([Bad::Failed, Bad::TimedOut]);
    world.rule("ends", Watch::Outcomes { of, profiles: BTreeSet::new(), groups: BTreeSet::new() }, &["itsm"]).await;
    world.rule("stuck", Watch::Stuck { minutes: 10 }, &["itsm"]).await;
    let address = Some("https://vestibule.contoso.example".to_owned());
    world.policy(Policy { digest_minutes: 0, address, ..Policy::default() }).await;

    // A test makes no ticket.
    let channel = world.store.notices(&contoso()).await.unwrap().channel("itsm").unwrap().clone();
    assert_eq!(world.notify.test(&world.tenant().await, &channel).await.unwrap(), Ok(()));
    desk.takes(&peers.next());
    assert!(desk.tickets().is_empty());

    // Two devices stand still, and are abandoned; one of them had enrolled in time.
    for serial in ["S0001", "S0002"] {
        world.event(serial, "enrollment.started", 0, None).await;
        world.event(serial, "enrollment.step.entered", 0, Some("TermsofUse")).await;
    }
    for minutes in [11, 31] {
        world.set(minutes);
        world.settle().await;
        assert_eq!(world.tick().await["sent"], 1, "{minutes}");
        desk.takes(&peers.next());
    }
    let of = |rule: &str| -> Vec<Value> {
        let is_of = |ticket: &Value| ticket[0].as_str().unwrap().starts_with(&format!("contoso/{rule}/"));
        desk.tickets().into_iter().filter(is_of).collect()
    };
    for stuck in of("stuck") {
        let notes = stuck[2].as_array().unwrap();
        assert!(
            stuck[1] == true && notes.len() == 2 && notes[1].as_str().unwrap().starts_with("Over since"),
            "{stuck}"
        );
    }
    assert_eq!((of("stuck").len(), of("ends").len()), (2, 2));
    assert!(of("ends").iter().all(|ticket| ticket[1] == false));
    world.set(40);
    world.event("S0001", "enrollment.enrolled", 20, None).await;
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 1);
    let corrected = peers.next();
    assert_eq!(members(&corrected["hook"]), members(&documented()));
    desk.takes(&corrected);
    let (resolved, open): (Vec<Value>, Vec<Value>) = of("ends").into_iter().partition(|ticket| ticket[1] == true);
    assert_eq!((resolved.len(), open.len()), (1, 1));
    let last = resolved[0][2][1].as_str().unwrap();
    assert!(last.starts_with("Corrected: ") && last.ends_with("is now \"completed\""), "{last}");

    // Nothing is taken twice, and nothing from strangers or from another time.
    let before = desk.tickets();
    desk.takes(&corrected);
    let mut begun = corrected["hook"].clone();
    begun["data"]["lines"][0]["change"] = json!("begun");
    let (body, now) = (begun.to_string(), real_now());
    for (key, at) in [
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", now),
        (SIGNING, now + Millis::from_minutes(-6)),
        (SIGNING, now + Millis::from_minutes(6)),
    ] {
        assert_eq!(desk.post("other", key, at, &body), 401, "{key} {at}");
    }
    assert_eq!(desk.tickets(), before);
    // What is resolved and happens again is another ticket.
    assert_eq!(desk.post("other", SIGNING, now, &body), 204);
    assert_eq!(desk.tickets().len(), before.len() + 1);

    // A muted rule opens no ticket, and closes the one that it opened.
    for (serial, minutes) in [("S0003", 50), ("S0004", 61)] {
        world.set(minutes);
        world.event(serial, "enrollment.started", minutes, None).await;
        world.event(serial, "enrollment.step.entered", minutes, Some("TermsofUse")).await;
    }
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 1);
    desk.takes(&peers.next());
    let is_resolved = || of("stuck").iter().map(|ticket| ticket[1] == true).collect::<Vec<_>>();
    assert_eq!(is_resolved(), [true, true, false]);
    let mute = |notices: &mut Notices| {
        notices
            .rules
            .iter_mut()
            .filter(|rule| rule.name == "stuck")
            .for_each(|rule| rule.muted_until = Some(minute(200)));
    };
    world.store.change_notices(&contoso(), mute).await.unwrap();
    world.set(82);
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 1);
    desk.takes(&peers.next());
    assert_eq!(is_resolved(), [true, true, true], "none of the device that stands still since it was muted");
    world.stop().await;
}
