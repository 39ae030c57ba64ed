//! Lost or damaged items and files are counted and reported, and hold up nothing else.

use crate::common;

use common::{World, minute, moving};
use vestibule_domain::Millis;
use vestibule_store::FileRecord;

#[tokio::test]
async fn an_enrollment_that_cannot_be_read_is_left_out_and_comes_back() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    for number in 0..6 {
        // The last one has a segment.
        world.device(&tenant, number, if number == 5 { 60 } else { 2 }, minute(0)).await;
    }
    let (heads, segments) = (world.items("h").await, world.items("s").await);
    assert!(!segments.is_empty());
    let corrupted = heads.iter().find(|head| head["pk"] != segments[0]["pk"]).unwrap();

    let archive = world.archive("one");
    let first = archive.answer(&tenant, minute(1), moving).await.unwrap();
    assert_eq!((first.value, first.unreadable), ((6, minute(1)), 0));
    world.corrupt(corrupted).await;
    world.delete(&segments[0]).await;
    for (process, minutes) in [("one", 2), ("another", 3)] {
        let archive = if process == "one" { archive.clone() } else { world.archive(process) };
        let answer = archive.answer(&tenant, minute(minutes), moving).await.unwrap();
        // This process has already read the segment, which never changes, so it still has it.
        let left = if process == "one" { 5 } else { 4 };
        assert_eq!((answer.value.0, answer.unreadable), (left, 6 - left), "{process}");
    }
    let exported = world.archive("export").export(&tenant, minute(4), minute(4)).await.unwrap();
    let meta = world.meta(&exported.file).await;
    assert_eq!((meta["unreadableEnrollments"].as_str(), exported.file.rows["enrollments"]), ("2", 4));

    // Half a day later, when no change makes anyone read them again.
    world.put(corrupted).await;
    world.put(&segments[0]).await;
    let late = minute(12 * 60);
    let answer = world.archive("later").answer(&tenant, late, |reader| Ok(reader.status()?.devices)).await.unwrap();
    assert_eq!(answer.unreadable, 0);
    let exported = world.archive("export").export(&tenant, late, late).await.unwrap();
    assert_eq!(exported.file.rows["enrollments"], 6);
    assert_eq!(world.meta(&exported.file).await["unreadableEnrollments"], "0");
}

/// Deletes, truncates, changes and replaces the newest file: whoever needs it uses the older one, or the table.
#[tokio::test]
async fn a_lost_file_is_not_needed() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let older = world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap().file;
    world.device(&tenant, 2, 2, minute(2)).await;
    let mut newest = world.archive("export").export(&tenant, minute(3), minute(3)).await.unwrap().file;
    world.device(&tenant, 3, 2, minute(4)).await;

    let mut at = 5;
    for damage in ["flipped", "cut", "deleted", "both deleted"] {
        let whole = world.object(&newest.key).await;
        match damage {
            "flipped" => {
                let mut bytes = whole.clone();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                world.put_object(&newest.key, bytes).await;
            }
            "cut" => world.put_object(&newest.key, whole[..whole.len() / 3].to_vec()).await,
            _ => world.delete_object(&newest.key).await,
        }
        if damage == "both deleted" {
            world.delete_object(&older.key).await;
        }
        let answer = world.archive(damage).answer(&tenant, minute(at), moving).await.unwrap();
        assert_eq!((answer.value, answer.stands_on), ((3, minute(at)), None), "{damage}");
        let exported = world.archive("export").export(&tenant, minute(at), minute(at)).await.unwrap();
        assert!(exported.is_new);
        let meta = world.meta(&exported.file).await;
        assert_eq!(meta.get("previousLost"), Some(&newest.as_of.to_string()), "{damage}");
        assert_eq!((meta.get("previousAsOf"), exported.file.corrections), (None, 0), "{damage}");
        assert_eq!(exported.file.rows["attempts"], 3, "{damage}");
        // The next file is compared with it as usual.
        let next = world.archive("export").export(&tenant, minute(at + 1), minute(at + 1)).await.unwrap().file;
        let meta = world.meta(&next).await;
        assert_eq!(meta.get("previousAsOf"), Some(&minute(at).to_string()), "{damage}");
        assert_eq!(meta.get("previousLost"), None, "{damage}");
        (newest, at) = (next, at + 2);
    }
}

/// If a device changed after a file and has since left the table, nobody can find that change, so a file that old is
/// built anew.
#[tokio::test]
async fn a_file_older_than_what_the_table_keeps_is_built_anew() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.event(&tenant, 1, "enrollment.registered", minute(0)).await;
    let devices = |reader: &vestibule_report::Reader<'_>| Ok(reader.status()?.devices);
    let following = world.archive("following");
    assert_eq!(following.answer(&tenant, minute(1), devices).await.unwrap().value, 1);
    world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap();
    world.event(&tenant, 1, "enrollment.stopped", minute(2)).await;
    for head in world.items("h").await {
        world.delete(&head).await;
    }

    let later = minute(0) + Millis::from_days(450);
    for archive in [following, world.archive("fresh")] {
        assert_eq!(archive.answer(&tenant, later, devices).await.unwrap().value, 0);
    }
    let exported = world.archive("export").export(&tenant, later, later).await.unwrap();
    assert_eq!(exported.file.rows["enrollments"], 0);
}

/// A record that points to something that never was a report file.
#[tokio::test]
async fn an_invalid_file_is_not_a_base() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let file = world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap().file;
    let path = world.folder.path().join("notes");
    std::fs::write(&path, "no database").unwrap();
    let (sha256, size_bytes) = vestibule_report::hash(&path).unwrap();
    world.put_object("notes", std::fs::read(&path).unwrap()).await;
    let notes = FileRecord { sha256, size_bytes, key: "notes".to_owned(), as_of: minute(2), ..file };
    assert!(world.store.advance_latest(&tenant.id, &notes, notes.as_of).await.unwrap());

    let answer = world.archive("one").answer(&tenant, minute(3), moving).await.unwrap();
    assert_eq!(answer.value, (1, minute(3)));
    let exported = world.archive("export").export(&tenant, minute(3), minute(3)).await.unwrap();
    assert_eq!(world.meta(&exported.file).await.get("previousLost"), Some(&minute(2).to_string()));
}

/// Neither a full disk nor a bucket that is down makes a file count as lost.
#[tokio::test]
async fn a_bucket_that_is_down_is_an_error() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap();
    let keys = vestibule_host::Keys::random().unwrap();
    let nobody = vestibule_host::Endpoint { url: "http://127.0.0.1:9".to_owned(), keys };
    let down = vestibule_host::Clients::new(&nobody).s3;
    let advice = std::sync::Arc::new(vestibule_advice::Catalogue::built_in().clone());
    let archive = vestibule_archive::Archive::new(
        world.store.clone(),
        down,
        common::BUCKET.to_owned(),
        world.scratch("down"),
        advice,
    );
    assert!(archive.answer(&tenant, minute(2), moving).await.is_err());
    assert!(archive.export(&tenant, minute(2), minute(2)).await.is_err());
    assert_eq!(common::files_in(&world.scratch("down")), Vec::<String>::new());
}
