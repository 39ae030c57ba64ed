//! Files that a load wrote beside those that SQLite writes from the same rows.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::file::schema::set_up;
use proptest::prelude::*;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// Tables of both kinds with a column of every type, their columns in another order than rows are kept in.
const TABLES: [(&str, &str); 3] = [
    (
        "numbered",
        "CREATE TABLE numbered (name TEXT, whole INTEGER PRIMARY KEY, size REAL, seq INTEGER NOT NULL, mark BLOB)",
    ),
    (
        "parts",
        "CREATE TABLE parts (name TEXT, seq INTEGER NOT NULL, size REAL, whole INTEGER NOT NULL, mark BLOB,
          PRIMARY KEY (whole, seq)) WITHOUT ROWID",
    ),
    ("last", "CREATE TABLE last (whole INTEGER PRIMARY KEY, seq INTEGER, size REAL, mark BLOB, name TEXT)"),
];
/// Indexes whose entries are kept, and in between some that SQLite makes.
const INDEXES: &str = "
  CREATE INDEX by_seq ON numbered (seq);
  CREATE INDEX by_name ON numbered (name);
  CREATE INDEX by_seq_of_some ON numbered (seq) WHERE name IS NOT NULL;
  CREATE INDEX by_seq_of_few ON numbered (seq) WHERE seq = 7;
  CREATE INDEX by_seq_from_the_end ON numbered (seq DESC);
  CREATE INDEX by_seq_with_more ON numbered (seq, size);
  CREATE INDEX by_seq_of_large ON numbered (seq) WHERE seq > 100;
  CREATE INDEX of_parts ON parts (seq);
  CREATE INDEX by_empty ON last (seq);
  CREATE INDEX by_seq_with_one ON last (seq) WHERE seq IS NOT NULL;
  CREATE INDEX by_mark ON last (mark) WHERE mark IS NOT NULL;
  CREATE INDEX by_expression ON last (seq + 1);";
const COLUMNS: [&str; 5] = ["whole", "seq", "name", "size", "mark"];

fn ids() -> Ids {
    Ids::new(0)
}

/// An empty file set up as a report file is, in pages of so many bytes.
fn empty(folder: &Path, name: &str, page_size: u32, indexes: &str) -> Connection {
    let conn = Connection::open(folder.join(name)).unwrap();
    conn.pragma_update(None, "page_size", page_size).unwrap();
    TABLES.iter().for_each(|(_, sql)| conn.execute_batch(sql).unwrap());
    conn.execute_batch(indexes).unwrap();
    set_up(&conn).unwrap();
    conn
}

fn values(row: &[Value]) -> Vec<Field<'_>> {
    row.iter().map(|value| Field::read(value.into()).unwrap()).collect()
}

/// Rows in an order that is none, of every type and of sizes from nothing to `longest` bytes.
fn parts(count: i64, longest: i64) -> Vec<Vec<Value>> {
    let shuffled = (0..count).map(|at| at * 7919 % count);
    let value = |of: i64, blob: bool| match of % 3 {
        0 => Value::Null,
        _ if blob => Value::Blob(vec![7; usize::try_from(of * 31 % longest).unwrap()]),
        _ => Value::Text("é".repeat(usize::try_from(of * 17 % longest / 2).unwrap())),
    };
    let row = |of: i64| {
        let whole = if of % 2 == 0 { -(of << 40) } else { of };
        // Fractions, whole numbers, and those for which six bytes are too few.
        let size = [of as f64 / 3.0, of as f64, -(of as f64), 1e15, -0.0][usize::try_from(of % 5).unwrap()];
        vec![Value::Integer(whole), Value::Integer(of % 300), value(of, false), Value::Real(size), value(of + 1, true)]
    };
    shuffled.map(row).collect()
}

/// Loads rows into all tables of a file, in memory up to so many bytes.
fn load(conn: &Connection, folder: &Path, rows: &[Vec<Value>], in_memory: usize, again: Again) -> Result<()> {
    conn.execute_batch("BEGIN").unwrap();
    let load = Load::keeping(folder.to_owned(), true, in_memory);
    for (table, _) in TABLES {
        let table = load.table(conn, table, &COLUMNS, again)?;
        rows.iter().try_for_each(|row| load.keep(table, &values(row)))?;
    }
    load.take_built_in(conn)?;
    let written = beside(conn, |pages| load.write(pages, ids()));
    assert!(!load.is_open());
    if written.is_ok() {
        load.index_others(conn)?;
    }
    conn.execute_batch("COMMIT").unwrap();
    written
}

#[test]
fn entries_are_kept_of_the_indexes_that_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let conn = empty(folder.path(), "a", 8_192, INDEXES);
    let load = Load::new(folder.path().to_owned(), true);
    for (table, _) in TABLES {
        load.table(&conn, table, &COLUMNS, Again::Collides).unwrap();
    }
    let others = [
        "by_name",
        "by_seq_from_the_end",
        "by_seq_with_more",
        "by_seq_of_large",
        "of_parts",
        "by_empty",
        "by_expression",
    ];
    assert_eq!(*load.others.borrow(), others);
    let kept = load.held.borrow().iter().filter(|held| matches!(held.of, Of::Index)).count();
    assert_eq!(kept, INDEXES.matches("CREATE INDEX").count() - others.len());
}

fn insert(conn: &Connection, rows: &[Vec<Value>]) {
    for (table, _) in TABLES {
        for row in rows {
            let sql = format!("INSERT INTO {table} ({}) VALUES (?, ?, ?, ?, ?)", COLUMNS.join(", "));
            conn.execute(&sql, params_from_iter(row)).unwrap();
        }
    }
}

/// A compact copy of a file, with the counters that do not depend on its rows as they are in every copy.
fn compact(conn: &Connection, folder: &Path) -> Vec<u8> {
    let copy = folder.join("copy");
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let mut bytes = std::fs::read(&copy).unwrap();
    std::fs::remove_file(copy).unwrap();
    [24..28, 40..44, 92..96].into_iter().for_each(|counter| bytes[counter].fill(0));
    bytes
}

/// Checks that a load makes the file that SQLite makes, and that SQLite goes on with it.
fn is_as_sqlites(page_size: u32, indexes: &str, rows: &[Vec<Value>], in_memory: usize) {
    let folder = tempfile::tempdir().unwrap();
    let [loaded, inserted] = ["a", "b"].map(|name| empty(folder.path(), name, page_size, indexes));
    load(&loaded, folder.path(), rows, in_memory, Again::Collides).unwrap();
    insert(&inserted, rows);
    let check =
        |conn: &Connection| conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(check(&loaded), "ok");
    assert!(compact(&loaded, folder.path()) == compact(&inserted, folder.path()), "{} rows", rows.len());
    // Rows that come later are written into the same pages, and rows are removed from them.
    for conn in [&loaded, &inserted] {
        let more = [Value::Integer(1 << 60), Value::Integer(1), Value::Text("x".repeat(900)), Value::Null, Value::Null];
        insert(conn, &[more.to_vec()]);
        for (table, _) in TABLES {
            conn.execute(&format!("DELETE FROM {table} WHERE whole % 3 = 0"), []).unwrap();
            conn.execute(&format!("UPDATE {table} SET name = 'changed' WHERE whole % 5 = 0"), []).unwrap();
        }
    }
    assert_eq!(check(&loaded), "ok");
    assert!(compact(&loaded, folder.path()) == compact(&inserted, folder.path()), "{} rows, changed", rows.len());
    // Nothing else is left there.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_load_writes_the_file_that_sqlite_writes_whatever_the_memory() {
    // 1 byte makes a run of every row, and merges of runs.
    for (count, in_memory) in [(2_003, usize::MAX), (2_003, 100_000), (331, 1)] {
        is_as_sqlites(8_192, INDEXES, &parts(count, 5_000), in_memory);
    }
}

#[test]
fn a_load_writes_trees_of_every_depth() {
    // Pages of 512 bytes have few cells, so that trees are deep. Every small number of rows is an end of its own: the last
    // page of a depth may be full, or would be empty.
    for (counts, longest) in [(0..90, 400), (90..140, 60), (1_000..1_040, 300), (5_003..5_004, 1_500)] {
        for count in counts {
            is_as_sqlites(512, "", &parts(count, longest), usize::MAX);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_load_writes_rows_of_any_size(
        lengths in prop::collection::vec(prop_oneof![0..40_usize, 0..3_000_usize, 8_100..8_250_usize, 0..40_000_usize], 1..60),
        page_size in prop::sample::select(vec![512_u32, 1_024, 8_192, 65_536]),
    ) {
        let rows: Vec<_> = (0..).zip(&lengths).map(|(at, length)| vec![
            Value::Integer(at),
            Value::Integer(at),
            Value::Null,
            Value::Real(0.5),
            Value::Blob(vec![1; *length]),
        ]).collect();
        is_as_sqlites(page_size, INDEXES, &rows, usize::MAX);
    }

    #[test]
    fn numbers_take_the_bytes_that_sqlite_gives_them(number: i64, bits in 0..64_u32) {
        let number = number >> bits;
        let rows: Vec<_> = [number, number.wrapping_add(1), number.wrapping_sub(1), !number].iter().zip(0..).map(|(number, at)| vec![
            Value::Integer(at),
            Value::Integer(*number),
            Value::Null,
            Value::Real(*number as f64),
            Value::Null,
        ]).collect();
        is_as_sqlites(512, INDEXES, &rows, usize::MAX);
    }
}

#[test]
fn a_value_of_another_type_than_its_column_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let conn = empty(folder.path(), "a", 8_192, INDEXES);
    let load = Load::new(folder.path().to_owned(), true);
    let table = load.table(&conn, "parts", &COLUMNS, Again::Collides).unwrap();
    let good = vec![Value::Integer(1), Value::Integer(1), Value::Null, Value::Null, Value::Null];
    for (at, wrong) in [
        (0, Value::Null),
        (1, Value::Text("1".to_owned())),
        (1, Value::Null),
        (2, Value::Integer(1)),
        (3, Value::Integer(1)),
        (4, Value::Text("1".to_owned())),
    ] {
        let mut row = good.clone();
        row[at] = wrong;
        assert!(load.keep(table, &values(&row)).is_err(), "{at}");
    }
    load.keep(table, &values(&good)).unwrap();
}

#[test]
fn a_key_that_comes_again_collides_unless_the_row_is_the_same_and_may_come_again() {
    let [first, mut other] = [0, 0].map(|_| parts(1, 5_000).remove(0));
    other[3] = Value::Real(7.0);
    for (again, second, in_table, collides) in [
        (Again::Collides, &first, false, true),
        (Again::IsOnce, &first, false, false),
        (Again::IsOnce, &other, false, true),
        (Again::IsOnce, &first, true, false),
        (Again::IsOnce, &other, true, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let conn = empty(folder.path(), "a", 8_192, INDEXES);
        let mut rows = vec![second.clone()];
        if in_table {
            insert(&conn, std::slice::from_ref(&first));
        } else {
            rows.insert(0, first.clone());
        }
        match load(&conn, folder.path(), &rows, usize::MAX, again) {
            Err(Error::Collision { what: "numbered", salt: 0 }) => assert!(collides),
            written => assert!(written.is_ok() && !collides, "{again:?} {second:?}"),
        }
    }
}

#[test]
fn a_key_that_comes_again_collides_wherever_it_is_among_many_rows() {
    for (again, in_memory) in [(0, usize::MAX), (40, usize::MAX), (99, usize::MAX), (40, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let conn = empty(folder.path(), "a", 8_192, INDEXES);
        let mut rows = parts(101, 5_000);
        rows.push(rows[again].clone());
        let written = load(&conn, folder.path(), &rows, in_memory, Again::Collides);
        assert!(matches!(written, Err(Error::Collision { what: "numbered", salt: 0 })), "{again}: {written:?}");
    }
}

/// Writes a gigabyte: `cargo test --release -p vestibule-report --lib -- past_the_page --ignored`.
#[test]
#[ignore = "writes a gigabyte"]
fn a_load_goes_on_past_the_page_of_the_locks() {
    let folder = tempfile::tempdir().unwrap();
    let conn = empty(folder.path(), "a", 8_192, INDEXES);
    // The load begins just before it, within what one row of it takes.
    let before = (1_i64 << 30) - (300 << 10);
    conn.execute_batch("CREATE TABLE filled (bytes BLOB)").unwrap();
    for half in [before / 2, before - before / 2] {
        conn.execute("INSERT INTO filled VALUES (zeroblob(?1))", [half]).unwrap();
    }
    load(&conn, folder.path(), &parts(2_003, 5_000), usize::MAX, Again::Collides).unwrap();
    assert!(std::fs::metadata(folder.path().join("a")).unwrap().len() > (1 << 30) + (1 << 20));
    let ok: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(ok, "ok");
}
