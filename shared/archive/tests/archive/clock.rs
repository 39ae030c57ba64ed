//! A clock that was ahead and is right again: nothing that was made meanwhile counts.

use crate::common;

use common::{World, minute, moving};

/// The minutes of a year.
const YEAR: i64 = 366 * 24 * 60;

#[tokio::test]
async fn a_file_of_next_year_does_not_count() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let first = world.archive("export").export(&tenant, minute(1), minute(1)).await.unwrap().file;
    let ahead = minute(YEAR);
    let future = world.archive("export").export(&tenant, ahead, ahead).await.unwrap();
    assert!(future.is_new);
    assert_eq!(world.store.latest_file(&tenant.id).await.unwrap(), Some(future.file.clone()));

    // The clock is right again.
    let now = minute(60);
    assert_eq!(world.store.newest_file(&tenant.id, now).await.unwrap(), Some(first));
    let asked = world.archive("fresh").answer(&tenant, now, moving).await.unwrap();
    assert_eq!(asked.value.1, now);
    let next = world.archive("export").export(&tenant, now, now).await.unwrap();
    assert!(next.is_new && next.file.as_of == now, "{:?}", next.file);
    assert_eq!(world.store.latest_file(&tenant.id).await.unwrap(), Some(next.file.clone()));
    // The next ones follow as usual, and one a little ahead is another machine's.
    let later = world.archive("export").export(&tenant, minute(120), minute(120)).await.unwrap();
    assert!(later.is_new);
    let again = world.archive("export").export(&tenant, minute(119), minute(119)).await.unwrap();
    assert_eq!((again.is_new, again.file.as_of), (false, minute(120)));
}

#[tokio::test]
async fn a_copy_does_not_answer_from_the_future() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let archive = world.archive("one");
    for (now, expected) in [
        (minute(1), minute(1)),
        // Two hours ahead, and back.
        (minute(121), minute(121)),
        (minute(2), minute(2)),
        // Questions that overtake each other are no clock that was wrong.
        (minute(6), minute(6)),
        (minute(5), minute(6)),
    ] {
        assert_eq!(archive.answer(&tenant, now, moving).await.unwrap().value.1, expected);
    }
}
