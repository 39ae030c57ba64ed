//! A person changes settings that alter the past.

use serde_json::json;
use vestibule_program_tests::{Client, Folder, enrollment, eventually, now};

/// No answer waits for the new file. Until it is built, answers come from the one before, and say so.
#[tokio::test]
async fn a_changed_setting_is_seen_soon() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let sender = serve.sender(&contoso);
    for kind in ["started", "enrolled"] {
        let event = enrollment(kind, &format!("enrollment.{kind}"), now(), "SERIAL0001");
        sender.post(&event).await.ok(202);
    }
    folder.json(&["export", "contoso"]);
    let admin = Client::new(&serve.url, &contoso.admin);
    let path = "/api/devices/enrollment-status";
    let status = admin.json(path).await;
    assert_eq!((&status["inProgress"], status.get("standsOn")), (&json!(1), None));

    admin.patch("/api/tenant", &json!({"requireCompliance": false})).await.ok(200);
    let seen = eventually("the answer by the new settings", async || {
        let status = admin.json(path).await;
        let Some(stands_on) = status.get("standsOn") else { return Some(status) };
        // Until then the answer is unchanged.
        assert_eq!((&stands_on["beingRebuilt"], &status["inProgress"]), (&json!(true), &json!(1)));
        assert_eq!(stands_on["settings"]["requireCompliance"], true);
        None
    });
    let status = seen.await;
    assert_eq!((&status["inProgress"], &status["enrolled"]), (&json!(0), &json!(1)));
}
