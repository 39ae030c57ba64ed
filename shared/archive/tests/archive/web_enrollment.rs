//! Sums of web-based enrollment, in the refreshed copy that answers and in the file that is built and published.

use crate::common;

use common::{World, minute};
use vestibule_archive::Archive;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Platform, Timestamp};
use vestibule_report::ask::Parameters;
use vestibule_store::Tenant;

async fn sign_in(world: &World, tenant: &Tenant, user: &str, step: WebStep, at: Timestamp) {
    let steps = WebSteps::of(step, true);
    let sign_in = SignIn { user_id: user.to_owned(), platform: Platform::Ios, at, steps };
    let day = at.day(tenant.settings.time_zone);
    world.store.hear_sign_ins(&tenant.id, [day]).await.unwrap();
    world.store.add_sign_ins(&tenant.id, &[(sign_in, day)], tenant.settings.retention()).await.unwrap();
}

async fn counts(archive: &Archive, tenant: &Tenant, at: Timestamp) -> [Option<u64>; 4] {
    let view = archive.ask(tenant, at, |reader| reader.answer("web-enrollment", &Parameters::new())).await.unwrap();
    let view = view.unwrap();
    ["daysHeard", "people", "metTheWall", "reachedPortal"].map(|member| view[member].as_u64())
}

#[tokio::test]
async fn a_refreshed_copy_answers_like_a_built_one() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    let kept = world.archive("kept");
    assert_eq!(counts(&kept, &tenant, minute(0)).await, [Some(0), None, None, None]);
    sign_in(&world, &tenant, "ada", WebStep::AccessBlocked, minute(1)).await;
    sign_in(&world, &tenant, "ben", WebStep::AccessBlocked, minute(1)).await;
    assert_eq!(counts(&kept, &tenant, minute(2)).await, [1, 2, 2, 0].map(Some));
    world.archive("exporter").export(&tenant, minute(3), minute(3)).await.unwrap();
    sign_in(&world, &tenant, "ada", WebStep::PortalSignIn, minute(4)).await;
    // Later days on which nothing arrived.
    for (at, number) in [(minute(5), 0), (minute(60 * 24 * 2), 1), (minute(60 * 24 * 13), 2)] {
        let built = world.archive(&format!("built {number}"));
        assert_eq!(counts(&kept, &tenant, at).await, [1, 2, 1, 1].map(Some));
        assert_eq!(counts(&kept, &tenant, at).await, counts(&built, &tenant, at).await);
    }
    // Days leave the fourteen days asked for, and then the window.
    for days in [15, 31, 40] {
        assert_eq!(counts(&kept, &tenant, minute(60 * 24 * days)).await, [Some(0), None, None, None]);
    }
    let file =
        world.archive("exporter").export(&tenant, minute(60 * 24 * 40), minute(60 * 24 * 40)).await.unwrap().file;
    assert_eq!((file.rows["web_enrollment_days"], file.rows["web_enrollment_sets"]), (0, 0));
}
