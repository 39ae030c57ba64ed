//! Each sender's webhook as a function: bytes as that sender posts them, up to the status page. The list of senders
//! yields the cases: every proof and every sample of each.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::TenantSettings;
use vestibule_domain::event::Kind;
use vestibule_e2e::{Answer, Stack, Tenancy, now};
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{self, Becomes, SENDERS, Sender, fleet};

const SECRET: &str = "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f7";
const FUNCTION: &str = "enrollment-events";
/// Secrets that prove nothing: an empty one, and one that belongs to nobody.
const WRONG: [&str; 2] = ["", "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f8"];
const WRONG_SIGNING: [&str; 2] = ["whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];

/// A tenant for one sender only, so that the status page counts only this sender.
async fn tenancy_of(stack: &Stack, sender: &Sender) -> Tenancy {
    let settings = TenantSettings { retention_days: 400, ..TenantSettings::default() };
    let mut tenancy = stack.tenant(sender.name, settings).await;
    if sender.own_proof().is_some() {
        stack.add_source(&mut tenancy, sender.name, SECRET).await;
    }
    tenancy
}

async fn post(stack: &Stack, tenancy: &Tenancy, sender: &Sender, proof: Proof, secret: &str, body: &[u8]) -> Answer {
    let path = sender.path(tenancy.tenant.id.as_str(), proof, secret);
    let headers = proof.headers(secret, body, now()).unwrap();
    stack.post_as(FUNCTION, &path, &headers, body).await
}

/// The status of an answer if nothing is refused.
fn success(sender: &Sender) -> u16 {
    match sender.answer {
        sources::Answer::Always { .. } => 200,
        sources::Answer::ByEvent => 202,
        sources::Answer::WithoutBody => 204,
    }
}

async fn status(stack: &Stack, tenancy: &Tenancy) -> Value {
    let answer = stack.ask("admin-api", Method::GET, tenancy, "/api/devices/enrollment-status").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sender_is_read_once_it_has_proved_itself() {
    let stack = Stack::start().await;
    for sender in SENDERS {
        let (name, first) = (sender.name, &sender.samples[0]);
        let tenancy = tenancy_of(&stack, sender).await;
        assert_eq!(status(&stack, &tenancy).await["devices"], 0);
        let mut stored = None;
        for proof in sender.proofs.iter().copied() {
            let (secret, wrong) = match proof {
                Proof::StandardWebhooks => (tenancy.secret.as_str(), WRONG_SIGNING),
                _ => (SECRET, WRONG),
            };
            for wrong in wrong {
                let answer = post(&stack, &tenancy, sender, proof, wrong, first.body).await;
                assert_eq!(answer.status, 401, "{name} by {proof:?}: {}", answer.text());
                assert!(!answer.text().contains(secret));
            }
            let answer = post(&stack, &tenancy, sender, proof, secret, first.body).await;
            let wanted = success(sender);
            assert_eq!(answer.status.as_u16(), wanted, "{name} by {proof:?}: {}", answer.text());
            if sender.answer == sources::Answer::WithoutBody {
                assert!(answer.body.is_empty(), "{name}");
                continue;
            }
            let answer = answer.json();
            match &stored {
                None => {
                    assert!(answer["accepted"].as_u64().unwrap() > 0, "{name} by {proof:?}: {answer}");
                    stored = Some(answer["accepted"].clone());
                }
                Some(stored) => {
                    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(0), stored), "{name}: {answer}");
                }
            }
            let again = post(&stack, &tenancy, sender, proof, secret, first.body).await.json();
            assert_eq!(
                (&again["accepted"], Some(&again["duplicates"])),
                (&json!(0), stored.as_ref()),
                "{name}: {again}"
            );
        }
        let counted = if first.becomes == [Becomes::Event(Kind::Enrolled)] { "enrolled" } else { "devices" };
        let after = status(&stack, &tenancy).await;
        assert!(after[counted].as_u64().unwrap() > 0, "{name}: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_answered_as_its_sender_wants() {
    let stack = Stack::start().await;
    for sender in SENDERS {
        let tenancy = tenancy_of(&stack, sender).await;
        let proof = sender.proofs[0];
        let secret = if proof == Proof::StandardWebhooks { tenancy.secret.as_str() } else { SECRET };
        for sample in sender.samples {
            let answer = post(&stack, &tenancy, sender, proof, secret, sample.body).await;
            let is_refused = sample.becomes == [Becomes::Refused];
            let can_refuse = !matches!(sender.answer, sources::Answer::Always { .. });
            let wanted = if is_refused && can_refuse { 400 } else { success(sender) };
            assert_eq!(answer.status.as_u16(), wanted, "{}: {}", sample.file, answer.text());
            if answer.status == 204 {
                assert!(answer.body.is_empty(), "{}", sample.file);
                continue;
            }
            let answer = answer.json();
            assert_eq!(
                answer["rejected"].as_u64().unwrap() > 0,
                sample.becomes.contains(&Becomes::Refused),
                "{answer}"
            );
            let again = post(&stack, &tenancy, sender, proof, secret, sample.body).await.json();
            assert_eq!(again["accepted"], 0, "{}: {again}", sample.file);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_events_are_acknowledged_and_malformed_ones_are_not() {
    let stack = Stack::start().await;
    let tenancy = tenancy_of(&stack, &fleet::SENDER).await;
    let post = async |body: &[u8]| post(&stack, &tenancy, &fleet::SENDER, Proof::Path, SECRET, body).await;
    let ignored = fleet::SENDER.samples.iter().find(|sample| sample.becomes == [Becomes::Ignored]).unwrap();
    let ignored = post(ignored.body).await;
    assert_eq!((ignored.status.as_u16(), &ignored.json()["ignored"]), (200, &json!(1)), "{}", ignored.text());
    assert_eq!(post(b"{\"type\"").await.status, 400);
}
