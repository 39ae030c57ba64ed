//! Each kind of channel with a real server at its other end: what arrives, what is tried again, and what is given up.

use crate::peers::Peers;
use crate::world::{SIGNING, World, contoso, mail, minute};
use notify::{Notify, Reach, Refusal};
use serde_json::json;
use standardwebhooks::Webhook;
use vestibule_domain::message::TestRequest;
use vestibule_notices::{Channel, Keys, Policy, To, Watch};
use vestibule_platform::bus::{NOTICE_TEST_REQUESTED, Outgoing};

fn host() -> String {
    "127.0.0.1".to_owned()
}

fn at(url: String) -> Keys {
    Keys { url: Some(url), ..Keys::default() }
}

impl World {
    async fn tries(&self, notify: &Notify, name: &str) -> Result<(), Refusal> {
        let notices = self.store.notices(&contoso()).await.unwrap();
        let channel: Channel = notices.channel(name).unwrap().clone();
        notify.test(&self.tenant().await, &channel).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_channel_takes_a_test() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    world.channel("mail", mail(peers.smtp, "it@contoso.example"), Keys::default()).await;
    world.channel("nobody", mail(peers.smtp, "refused@contoso.example"), Keys::default()).await;
    world.channel("teams", To::Teams { host: host() }, at(peers.url("teams"))).await;
    world.channel("slack", To::Slack { host: host() }, at(peers.url("slack"))).await;
    // The peer is given the key in its path, to verify with its own library.
    let signed = Keys { signing: Some(SIGNING.to_owned()), ..at(peers.url(&format!("signed/{SIGNING}"))) };
    world.channel("hook", To::Webhook { host: host() }, signed).await;
    world.channel("moved", To::Slack { host: host() }, at(peers.url("moved"))).await;
    world.channel("link", To::Slack { host: host() }, at("https://169.254.169.254/latest".to_owned())).await;

    assert_eq!(world.tries(&world.notify, "mail").await, Ok(()));
    let mail = peers.next();
    assert_eq!(mail["subject"], "Vestibule, contoso: test message");
    assert!(mail["mail"].as_str().unwrap().starts_with("This is a test"), "{mail}");
    assert!(world.tries(&world.notify, "nobody").await.unwrap_err().for_good);
    assert_eq!(world.tries(&world.notify, "teams").await, Ok(()));
    assert_eq!(peers.next()["hook"]["attachments"][0]["content"]["type"], "AdaptiveCard");
    assert_eq!(world.tries(&world.notify, "slack").await, Ok(()));
    assert_eq!(peers.next()["hook"]["blocks"][0]["type"], "header");
    assert_eq!(world.tries(&world.notify, "hook").await, Ok(()));
    let hook = peers.next();
    assert_eq!((&hook["verified"], &hook["hook"]["data"]["test"]), (&json!(true), &json!(true)));
    assert!(Webhook::new(SIGNING).is_ok(), "the key is of the form that libraries take");
    assert!(world.tries(&world.notify, "moved").await.unwrap_err().problem.contains("not followed"));
    assert_eq!(peers.next()["path"], "moved");
    assert!(world.tries(&world.notify, "link").await.unwrap_err().for_good);
    // A function of a cloud speaks to nothing on its own machine.
    let in_a_cloud = Notify::new(world.archive(), Reach::Public, world.clock());
    for name in ["mail", "teams", "hook"] {
        let refused = world.tries(&in_a_cloud, name).await.unwrap_err();
        assert!(refused.for_good && refused.problem.contains("may not go to"), "{refused:?}");
    }
    // What administrators add goes to public addresses only, unless the operator trusts them.
    let by_administrator = |notices: &mut vestibule_store::Notices| {
        notices.channels.iter_mut().for_each(|channel| channel.by_administrator = true);
    };
    world.store.change_notices(&contoso(), by_administrator).await.unwrap();
    let refused = world.tries(&world.notify, "slack").await.unwrap_err();
    assert!(refused.for_good && refused.problem.contains("may not go to"), "{refused:?}");
    let trusting = Notify::new(world.archive(), Reach::Local, world.clock()).trusting_administrators();
    assert_eq!(world.tries(&trusting, "slack").await, Ok(()));
    assert_eq!(peers.next()["path"], "slack");
    let kept = world.store.sent_notices(&contoso(), 20).await.unwrap();
    assert!(kept.iter().all(|one| one.number.is_none() && one.text.starts_with("This is a test")), "{kept:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_requested_over_the_bus_is_sent_at_once_unless_the_request_is_old() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    world.channel("slack", To::Slack { host: host() }, at(peers.url("slack"))).await;
    let request = |channel: &str, minutes: i64| {
        let requested_at = minute(minutes).to_string();
        let request = TestRequest { tenant: contoso(), channel: channel.to_owned(), requested_at };
        Outgoing { detail_type: NOTICE_TEST_REQUESTED, detail: serde_json::to_string(&request).unwrap() }
    };
    world.set(30);
    for old_or_unknown in [request("slack", 19), request("gone", 30)] {
        world.bus.put(&[old_or_unknown]).await.unwrap();
    }
    world.bus.put(&[request("slack", 21)]).await.unwrap();
    world.settle().await;
    assert_eq!(peers.next()["path"], "slack");
    let kept = world.store.sent_notices(&contoso(), 20).await.unwrap();
    assert!(matches!(&kept[..], [one] if one.number.is_none() && one.at == minute(30)), "{kept:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_busy_is_tried_again_with_the_same_id_and_what_is_gone_is_given_up() {
    let (mut peers, world) = (Peers::start(), World::start().await);
    let key = |path: &str| Keys { signing: Some(SIGNING.to_owned()), ..at(peers.url(path)) };
    world.channel("busy", To::Webhook { host: host() }, key("busy")).await;
    world.channel("gone", To::Webhook { host: host() }, key("gone")).await;
    world.rule("files", Watch::FileMade, &["busy", "gone"]).await;
    world.policy(Policy { digest_minutes: 0, ..Policy::default() }).await;
    let published = json!({"tenant": "contoso", "asOf": "2026-03-12T01:00:00.000Z"}).to_string();
    world.bus.put(&[Outgoing { detail_type: "ReportPublished", detail: published }]).await.unwrap();
    world.settle().await;
    assert_eq!(world.tick().await, json!({"sent": 0, "failed": 2, "givenUp": 1, "unreadable": 0}));
    let (busy, gone) = (peers.next(), peers.next());
    assert_eq!((&busy["path"], &gone["path"]), (&json!("busy"), &json!("gone")));
    assert_ne!(busy["id"], gone["id"]);
    let dead = world.store.dead_notices(&contoso(), 9).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].channel.as_str(), dead[0].problem.as_deref()), ("gone", Some("the server answered 410")));
    for (minutes, failed) in [(4, 0), (5, 1), (14, 0), (15, 1)] {
        world.set(minutes);
        assert_eq!(world.tick().await["failed"], failed, "{minutes}");
        if failed == 1 {
            assert_eq!(peers.next()["id"], busy["id"]);
        }
    }
    world.set(24 * 60 + 20);
    assert_eq!(world.tick().await["givenUp"], 1);
    assert_eq!(peers.next()["id"], busy["id"]);
    world.set(24 * 60 + 120);
    assert_eq!(world.tick().await["failed"], 0);
    assert_eq!(world.store.dead_notices(&contoso(), 9).await.unwrap().len(), 2);
    assert!(world.store.sent_notices(&contoso(), 9).await.unwrap().is_empty());
    world.stop().await;
}
