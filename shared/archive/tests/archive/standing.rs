//! A change of settings, an upgrade, or two things with one number never build a large file during a question.

use crate::common;

use common::{World, files_in, minute, moving};
use std::sync::Arc;
use std::time::Duration;
use vestibule_advice::Catalogue;
use vestibule_domain::TenantSettings;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_report::{Context, Working};
use vestibule_store::FileRecord;

#[tokio::test]
async fn changed_settings_answer_from_the_previous_file_until_there_is_a_new_one() {
    let world = World::start().await;
    let mut tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let following = world.archive("following");
    assert_eq!(following.answer(&tenant, minute(1), moving).await.unwrap().value, (1, minute(1)));
    world.archive("export").export(&tenant, minute(2), minute(2)).await.unwrap();
    world.device(&tenant, 2, 2, minute(3)).await;
    assert_eq!(following.answer(&tenant, minute(4), moving).await.unwrap().value, (2, minute(4)));

    tenant.settings.windows_idle_limit_minutes = 60;
    world.device(&tenant, 3, 2, minute(5)).await;
    world.store.meter().reset();
    let fresh = world.archive("fresh");
    for (archive, stands_at, ask_again) in [(&following, 4, 25), (&fresh, 2, 25)] {
        for (at, ask) in [(6, true), (7, false), (ask_again, true), (ask_again + 1, false)] {
            let answer = archive.answer(&tenant, minute(at), moving).await.unwrap();
            let basis = answer.stands_on.unwrap();
            assert_eq!((basis.windows_idle_limit_minutes, answer.ask_for_file), (1_440, ask));
            assert_eq!(answer.value.1, minute(stands_at));
        }
    }
    let new = world.archive("export").export(&tenant, minute(30), minute(30)).await.unwrap();
    assert_eq!(new.file.rows["attempts"], 3);
    for archive in [&following, &fresh] {
        let answer = archive.answer(&tenant, minute(31), moving).await.unwrap();
        assert_eq!((answer.value.1, answer.stands_on, answer.ask_for_file), (minute(31), None, false));
    }
}

/// Setting them back ends it, and a standing copy is not newer than its file for long.
#[tokio::test]
async fn settings_that_are_set_back_need_no_new_file() {
    let world = World::start().await;
    let mut tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap();
    let archive = world.archive("one");
    let before = tenant.settings.clone();
    tenant.settings.require_compliance = !before.require_compliance;
    assert!(archive.answer(&tenant, minute(2), moving).await.unwrap().stands_on.is_some());
    tenant.settings = before;
    let answer = archive.answer(&tenant, minute(3), moving).await.unwrap();
    assert_eq!((answer.value, answer.stands_on), ((1, minute(3)), None));
}

/// Two devices whose attempts have one number under a file's first salt if they start in the same second.
const ALIKE: [usize; 2] = [42_198, 48_413];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_attempts_with_one_number_do_not_make_a_question_build_the_file() {
    // One machine shows its copy to questions that do not wait; a function has nothing but what it fetched.
    for patience in [Some(Duration::from_secs(86_400)), None] {
        let world = World::start().await;
        let tenant = world.tenant("contoso").await;
        let copy = world.archive("copy").with_patience(patience);
        world.device(&tenant, ALIKE[0], 2, minute(0)).await;
        assert_eq!(copy.answer(&tenant, minute(1), moving).await.unwrap().value, (1, minute(1)));
        let first = world.archive("export").export(&tenant, minute(2), minute(2)).await.unwrap();
        assert_eq!(world.meta(&first.file).await["salt"], "0");
        world.device(&tenant, 7, 2, minute(3)).await;
        assert_eq!(copy.answer(&tenant, minute(4), moving).await.unwrap().value, (2, minute(4)));

        world.device(&tenant, ALIKE[1], 2, minute(0)).await;
        let stands_at = if patience.is_some() { (2, minute(4)) } else { (1, minute(2)) };
        let fresh = world.archive("fresh").with_patience(patience);
        for (archive, stands_at) in [(&copy, stands_at), (&fresh, (1, minute(2)))] {
            for (at, ask) in [(5, true), (6, false), (20, true)] {
                let answer = archive.answer(&tenant, minute(at), moving).await.unwrap();
                let stands = (answer.value, answer.stands_on.is_some(), answer.ask_for_file);
                assert_eq!(stands, (stands_at, true, ask), "{patience:?}");
            }
        }
        let new = world.archive("export").export(&tenant, minute(21), minute(21)).await.unwrap();
        assert_eq!((new.file.rows["attempts"], world.meta(&new.file).await["salt"].as_str()), (3, "1"));
        for archive in [&copy, &fresh] {
            let answer = archive.answer(&tenant, minute(22), moving).await.unwrap();
            assert_eq!((answer.value, answer.stands_on, answer.ask_for_file), ((3, minute(22)), None, false));
        }
    }
}

/// A tenant without a published file is answered from its copy, if that is shown, and else from a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_attempts_with_one_number_before_the_first_file() {
    for patience in [Some(Duration::from_secs(86_400)), None] {
        let world = World::start().await;
        let tenant = world.tenant("contoso").await;
        let copy = world.archive("copy").with_patience(patience);
        world.device(&tenant, ALIKE[0], 2, minute(0)).await;
        assert_eq!(copy.answer(&tenant, minute(1), moving).await.unwrap().value, (1, minute(1)));
        world.device(&tenant, ALIKE[1], 2, minute(0)).await;
        let answer = copy.answer(&tenant, minute(2), moving).await.unwrap();
        let stands = (answer.value, answer.stands_on.is_some(), answer.ask_for_file);
        match patience {
            Some(_) => assert_eq!(stands, ((1, minute(1)), true, true)),
            None => assert_eq!(stands, ((2, minute(2)), false, false)),
        }
        let all = world.archive("all").with_patience(patience);
        assert_eq!(all.answer(&tenant, minute(3), moving).await.unwrap().value, (2, minute(3)));
        world.archive("export").export(&tenant, minute(4), minute(4)).await.unwrap();
        let answer = copy.answer(&tenant, minute(5), moving).await.unwrap();
        assert_eq!((answer.value, answer.stands_on, answer.ask_for_file), ((2, minute(5)), None, false));
    }
}

/// A new tenant has no file yet, so its answer is built at once. And people are never shown by name against the
/// tenant's settings.
#[tokio::test]
async fn a_new_tenant_and_pseudonyms_are_answered_from_nothing() {
    let world = World::start().await;
    let mut tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let archive = world.archive("one");
    archive.answer(&tenant, minute(1), moving).await.unwrap();
    tenant.settings.retention_days = 30;
    let answer = archive.answer(&tenant, minute(2), moving).await.unwrap();
    assert_eq!((answer.value, answer.stands_on), ((1, minute(2)), None));

    world.archive("export").export(&tenant, minute(3), minute(3)).await.unwrap();
    tenant.settings.pseudonymise = true;
    for archive in [archive, world.archive("two")] {
        let answer = archive.answer(&tenant, minute(4), |reader| reader.is_pseudonymised()).await.unwrap();
        assert_eq!((answer.value, answer.stands_on), (true, None));
    }
}

/// A file of a version with fewer names in a list and another view.
#[tokio::test]
async fn an_upgrade_answers_from_the_previous_file_and_exports_a_new_one() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let made = world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap().file;
    let (profiles, advice) = (Profiles::default(), Arc::new(Catalogue::built_in().clone()));
    let settings = TenantSettings::default();
    let context = Context {
        tenant: &tenant.id,
        settings: &settings,
        profiles: &profiles,
        advice: &advice,
        pseudonym_key: b"key",
    };
    // The rows that a device being enrolled refers to.
    let sql = "DELETE FROM actions WHERE name = 'iOSProfileLaunch'; DELETE FROM catalogue_rows WHERE action_id NOT IN
               (SELECT id FROM actions)";
    let (working, out) = (world.folder.path().join("w"), world.folder.path().join("old"));
    let mut old = Working::create_altered(&working, &context, sql).unwrap();
    old.refresh(minute(2)).unwrap().finish().unwrap();
    let published = old.publish(&out, None).unwrap();
    world.put_object("old", std::fs::read(&out).unwrap()).await;
    let (sha256, size_bytes) = (published.sha256, published.size_bytes);
    let old = FileRecord { sha256, size_bytes, key: "old".to_owned(), as_of: minute(2), ..made };
    assert!(world.store.advance_latest(&tenant.id, &old, old.as_of).await.unwrap());
    world.device(&tenant, 2, 2, minute(3)).await;

    let archive = world.archive("one");
    let answer = archive.answer(&tenant, minute(4), moving).await.unwrap();
    assert_eq!((answer.value, answer.ask_for_file), ((0, minute(2)), true));
    assert!(answer.stands_on.is_some());
    let exported = world.archive("export").export(&tenant, minute(5), minute(5)).await.unwrap();
    assert_eq!(exported.file.rows["attempts"], 2);
    assert_eq!(world.meta(&exported.file).await["previousAsOf"], minute(2).to_string());
    assert_eq!(archive.answer(&tenant, minute(6), moving).await.unwrap().value, (2, minute(6)));
}

#[tokio::test]
async fn copies_are_given_up_when_there_is_no_room() {
    let world = World::start().await;
    let mut tenants = Vec::new();
    for name in ["a-tenant", "b-tenant", "c-tenant"] {
        let tenant = world.tenant(name).await;
        world.device(&tenant, 1, 2, minute(0)).await;
        tenants.push(tenant);
    }
    let open = |folder: &std::path::Path| {
        let open =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
        open.filter(|file| file.starts_with(folder)).count()
    };
    let scratch = world.scratch("many");
    let size = {
        let archive = world.archive("size");
        archive.ask(&tenants[0], minute(1), moving).await.unwrap();
        std::fs::metadata(world.scratch("size").join("a-tenant.sqlite")).unwrap().len()
    };
    for (archive, left) in [
        (world.archive("many").with_room(u64::MAX, 2), 2),
        (world.archive("many").with_room(size * 5 / 2, 100), 2),
        (world.archive("many").with_room(0, 100), 1),
    ] {
        for (at, tenant) in (2..).zip([0, 1, 2, 1, 0, 2]) {
            let answer = archive.ask(&tenants[tenant], minute(at), moving).await.unwrap();
            assert_eq!(answer, (1, minute(at)));
        }
        let kept = ["a-tenant.sqlite", "c-tenant.sqlite"];
        assert_eq!(files_in(&scratch), kept[2 - left..]);
        assert_eq!(open(&scratch), left);
        drop(archive);
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}

/// If the disk refuses a copy, only that question fails: the tenant's next and all others are answered.
#[tokio::test]
async fn a_disk_that_refuses_one_copy_keeps_the_others() {
    let world = World::start().await;
    let (one, other) = (world.tenant("one-tenant").await, world.tenant("other-tenant").await);
    for tenant in [&one, &other] {
        world.device(tenant, 1, 2, minute(0)).await;
        world.archive("export").export(tenant, minute(1), minute(1)).await.unwrap();
    }
    let archive = world.archive("scratch");
    // Something else is in the copy's place.
    let in_the_way = world.scratch("scratch").join("one-tenant.sqlite");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let refused = archive.answer(&one, minute(2), moving).await;
    assert!(matches!(refused, Err(vestibule_archive::ArchiveError::Disk(_))), "{refused:?}");
    assert_eq!(archive.ask(&other, minute(2), moving).await.unwrap(), (1, minute(2)));
    std::fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(archive.ask(&one, minute(3), moving).await.unwrap(), (1, minute(3)));
}

/// The same work on the calling task only.
#[tokio::test]
async fn work_on_the_calling_task_gives_the_same_file() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    for number in 0..5 {
        world.device(&tenant, number, 40, minute(0)).await;
    }
    let inline = world.archive("inline").inline();
    let exported = inline.export(&tenant, minute(1), minute(1)).await.unwrap().file;
    assert_eq!(inline.answer(&tenant, minute(2), moving).await.unwrap().value, (5, minute(2)));
    let again = world.archive("threads").export(&tenant, minute(3), minute(3)).await.unwrap().file;
    assert_eq!(again.rows, exported.rows);
}
