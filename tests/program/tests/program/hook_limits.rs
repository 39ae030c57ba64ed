//! How often a tenant's senders may post, and the answer when they post more often.

use serde_json::json;
use vestibule_program_tests::{Folder, enrollment, now};

#[tokio::test]
async fn requests_of_senders_are_counted_by_tenant() {
    let folder = Folder::new();
    let serve = folder.serve_with(&[("HOOK_REQUESTS_A_MINUTE", "2")]);
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let sender = serve.sender(&contoso);
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    // Requests of unknown senders are not counted.
    for _ in 0..3 {
        sender.with_secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").post(&event).await.problem(401);
    }
    sender.post(&event).await.ok(202);
    sender.post_to("esp-status", &json!([])).await.ok(202);
    sender.post(&event).await.ok(202);
    let refused = sender.post(&event).await;
    refused.problem(429);
    let after: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&after), "{after}");
    // The other hooks belong to another function, and other tenants are counted separately.
    sender.post_to("esp-status", &json!([])).await.ok(202);
    serve.sender(&fabrikam).post(&event).await.ok(202);
}
