//! How many tenants' copies a process keeps, and for how long.

use crate::common;

use common::{World, files_in, minute, moving};
use vestibule_archive::ArchiveError;

/// The files of a folder that this process has open.
#[cfg(target_os = "linux")]
fn open_in(folder: &std::path::Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    all.filter(|one| {
        one.as_ref().is_ok_and(|one| std::fs::read_link(one.path()).is_ok_and(|to| to.starts_with(folder)))
    })
    .count()
}

#[tokio::test]
async fn tenants_asked_once_do_not_keep_their_copies() {
    const TENANTS: usize = 40;
    const MOST: usize = 32;
    let world = World::start().await;
    let archive = world.archive("one");
    let folder = world.scratch("one");
    for number in 0..TENANTS {
        let tenant = world.tenant(&format!("tenant-{number}")).await;
        archive.answer(&tenant, minute(0), moving).await.unwrap();
    }
    // The latest are kept, and no others.
    let kept = files_in(&folder);
    assert_eq!(kept.len(), MOST, "{kept:?}");
    assert!(kept.contains(&"tenant-39.sqlite".to_owned()) && !kept.contains(&"tenant-0.sqlite".to_owned()));
    #[cfg(target_os = "linux")]
    assert_eq!(open_in(&folder), MOST);

    // One of them is asked again, and the others end with time.
    let again = world.store.tenant(&common::id("tenant-20")).await.unwrap().unwrap();
    archive.answer(&again, minute(10), moving).await.unwrap();
    assert_eq!(archive.close_idle(minute(14)), 0);
    assert_eq!(archive.close_idle(minute(15)), MOST - 1);
    assert_eq!(files_in(&folder), ["tenant-20.sqlite"]);
    assert_eq!(archive.close_idle(minute(25)), 1);
    #[cfg(target_os = "linux")]
    assert_eq!(open_in(&folder), 0);
    // Whoever asks later gets an answer as before.
    assert_eq!(archive.answer(&again, minute(30), moving).await.unwrap().value.1, minute(30));
}

/// A copy may be as large as the disk: the next file says how much room an export of it needs.
#[tokio::test]
async fn an_export_without_room_fails_before_it_reads_anything() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    let archive = world.archive("one");
    let mut file = archive.export(&tenant, minute(1), minute(1)).await.unwrap().file;
    (file.size_bytes, file.as_of) = (1 << 60, minute(2));
    world.store.advance_latest(&tenant.id, &file, minute(2)).await.unwrap();
    let error = archive.export(&tenant, minute(3), minute(3)).await.unwrap_err();
    let ArchiveError::NoRoom { needed, free } = error else { panic!("{error}") };
    assert!(needed > 2 << 60 && free < needed, "{error}");
    assert!(error.to_string().contains(&needed.to_string()) && error.is_of_the_disk(), "{error}");
    assert_eq!(files_in(&world.scratch("one")), [""; 0], "nothing is left behind");
}
