//! What people hear of a device, of a rate and of a file, from the event to the e-mail.

use crate::peers::Peers;
use crate::world::{World, contoso, mail, minute};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_notices::{Bad, Keys, Policy, Quiet, Watch};
use vestibule_platform::bus::Outgoing;

fn text(mail: &Value) -> String {
    mail["mail"].as_str().unwrap().replace("\r\n", "\n")
}

async fn asks(world: &World, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
    let answer = world.api.handle(request).await;
    let (status, body) = (answer.status(), answer.into_body());
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_fires_digests_corrects_ends_and_is_muted_by_its_link() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    world.channel("mail", mail(peers.smtp, "it@contoso.example"), Keys::default()).await;
    let of = BTreeSet::from([Bad::Failed, Bad::TimedOut]);
    world.rule("ends", Watch::Outcomes { of, profiles: BTreeSet::new(), groups: BTreeSet::new() }, &["mail"]).await;
    world.rule("stuck", Watch::Stuck { minutes: 10 }, &["mail"]).await;
    let policy = Policy { address: Some("https://v.example".to_owned()), ..Policy::default() };
    world.policy(policy.clone()).await;
    for serial in ["S0001", "S0002"] {
        world.event(serial, "enrollment.started", 0, None).await;
        world.event(serial, "enrollment.step.entered", 0, Some("TermsofUse")).await;
    }
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 0);

    // Both are stuck; what is found is sent together, five minutes later.
    world.set(11);
    assert_eq!(world.tick().await["sent"], 0);
    world.set(16);
    assert_eq!(world.tick().await["sent"], 1);
    let first = peers.next();
    let stuck = "A device (iOS/iPadOS) has been on one screen for more than 10 minutes, at Terms of use: since 12 Mar 2026, 08:00 UTC";
    assert_eq!(text(&first).matches(stuck).count(), 2, "{}", text(&first));
    assert_eq!(first["subject"], "Vestibule, contoso: 2 messages");
    assert_eq!((&first["to"], &first["auto"]), (&json!(["it@contoso.example"]), &json!("auto-generated")));
    assert!(!text(&first).contains("ada@"), "nobody asked for names: {}", text(&first));

    // The limit has passed: abandoned, and on that screen no longer. From here on with names.
    world.policy(Policy { names: true, ..policy.clone() }).await;
    world.set(31);
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 0);
    world.set(36);
    assert_eq!(world.tick().await["sent"], 1);
    let second = text(&peers.next());
    let abandoned = "Enrollment abandoned: nothing was received for longer than its limit at Terms of use";
    assert_eq!(second.matches(abandoned).count(), 2, "{second}");
    assert_eq!(second.matches("Over since 12 Mar 2026, 08:31 UTC: A device").count(), 2, "{second}");
    assert!(second.contains("[Phone of S0001, ada@contoso.example]"), "{second}");

    // Late truth: one of them had enrolled in time.
    world.set(40);
    world.event("S0001", "enrollment.enrolled", 20, None).await;
    world.settle().await;
    world.tick().await;
    world.set(45);
    assert_eq!(world.tick().await["sent"], 1);
    let third = text(&peers.next());
    let was = "enrollment abandoned: nothing was received for longer than its limit at Terms of use";
    assert!(
        third.contains(&format!("Corrected: it was \"{was}\", and is now \"completed\" [Phone of S0001")),
        "{third}"
    );
    assert!(!third.contains("S0002"), "{third}");
    for later in [50, 100, 200] {
        world.set(later);
        world.settle().await;
        assert_eq!(world.tick().await["sent"], 0, "nothing is said twice");
    }

    // What was sent is kept, without names and links.
    let kept = world.store.sent_notices(&contoso(), 10).await.unwrap();
    assert_eq!(kept.iter().map(|one| one.at).collect::<Vec<_>>(), [minute(45), minute(36), minute(16)]);
    assert!(kept.iter().all(|one| !one.text.contains("ada@") && !one.text.contains("http")), "{kept:?}");

    // The link: to look at it changes nothing, and its button mutes this rule alone.
    let link = third.lines().find_map(|line| line.split("https://v.example").nth(1)).unwrap().trim().to_owned();
    let (status, page) = asks(&world, Method::GET, &link).await;
    assert!(status == StatusCode::OK && page.contains("Mute for a week"), "{status} {page}");
    let muted = async || {
        let notices = world.store.notices(&contoso()).await.unwrap();
        notices.rules.into_iter().filter(|rule| rule.muted_until.is_some()).map(|rule| rule.name).collect::<Vec<_>>()
    };
    assert!(muted().await.is_empty());
    let forged = link.replacen("ends", "stuck", 1);
    for wrong in [forged.as_str(), "/notices/mute/x", "/notices/mute/fabrikam.ends.9999999999.AAAA"] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(asks(&world, method, wrong).await.0, StatusCode::NOT_FOUND, "{wrong}");
        }
    }
    let (status, page) = asks(&world, Method::POST, &link).await;
    assert!(status == StatusCode::OK && page.contains("Nothing is said of it until"), "{status} {page}");
    assert_eq!(muted().await, ["ends"]);
    world.event("S0003", "enrollment.started", 200, None).await;
    world.event("S0003", "enrollment.failed", 200, None).await;
    world.settle().await;
    world.tick().await;
    world.set(210);
    assert_eq!(world.tick().await["sent"], 0);
    world.set(60 * 24 * 31);
    assert_eq!(asks(&world, Method::GET, &link).await.0, StatusCode::NOT_FOUND, "a link ends");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_a_file_and_a_week_are_spoken_of_and_not_in_quiet_hours() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    world.channel("mail", mail(peers.smtp, "it@contoso.example"), Keys::default()).await;
    world.rule("steps", Watch::StepRate { step: None }, &["mail"]).await;
    world.rule("files", Watch::FileMade, &["mail"]).await;
    world.rule("weeks", Watch::Weekly, &["mail"]).await;
    let quiet = Quiet::read("07:30-09:00");
    world.policy(Policy { digest_minutes: 0, quiet, ..Policy::default() }).await;
    // Of forty each, two gave up at the terms ten days ago, and twenty two days ago.
    for (days, given_up) in [(10, 2), (2, 20)] {
        for number in 0..40 {
            let (serial, at) = (format!("D{days:03}{number:03}"), -days * 24 * 60);
            world.event(&serial, "enrollment.started", at, None).await;
            world.event(&serial, "enrollment.step.entered", at + 1, Some("TermsofUse")).await;
            if number < given_up {
                world.event(&serial, "enrollment.stopped", at + 2, None).await;
            } else {
                world.event(&serial, "enrollment.enrolled", at + 3, None).await;
            }
        }
    }
    let published = json!({"tenant": "contoso", "asOf": "2026-03-12T01:00:00.000Z"}).to_string();
    world.bus.put(&[Outgoing { detail_type: "ReportPublished", detail: published }]).await.unwrap();
    world.settle().await;
    assert_eq!(world.tick().await["sent"], 0, "it is quiet");
    world.set(60);
    assert_eq!(world.tick().await["sent"], 1);
    let first = text(&peers.next());
    assert!(
        first.contains(
            "Given up at Terms of use: 50.0% (20 of 40) in the last 7 days, 5.0% (2 of 40) in the four weeks before"
        ),
        "{first}"
    );
    assert!(first.contains("A report file was published: as of 12 Mar 2026, 01:00 UTC"), "{first}");
    assert!(!first.contains("The last week"), "{first}");
    // On Monday the week; the rate goes on, and was last spoken of days ago.
    world.set(4 * 24 * 60 + 60);
    assert_eq!(world.tick().await["sent"], 1);
    let monday = text(&peers.next());
    assert!(
        monday.contains(
            "The last week: from 2026-03-09: 50.0% (20 of 40) gave up; in the four weeks before 5.0% (2 of 40)"
        ),
        "{monday}"
    );
    assert!(monday.contains("Still so since 12 Mar 2026"), "{monday}");
    world.stop().await;
}
