//! Opens a file that may come from anywhere: it checks the header as bytes before SQLite opens the file for reading
//! only.

use crate::output::one_line;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vestibule_platform::BoxError;
use vestibule_report::{APPLICATION_ID, SCHEMA_VERSION, SUMMARY_VERSION};

/// The beginning of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How much a file may be asked for, since its views may be endless.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time, from its opening.
    pub time: Option<Duration>,
    /// The rows of a statement.
    pub rows: Option<u64>,
}

impl Limits {
    /// Of our own checks, which run nothing of the file but its tables.
    pub const OF_CHECKS: Self = Self { time: Some(Duration::from_secs(3_600)), rows: None };

    /// Those of the options, where 0 stands for no limit.
    pub fn chosen(max_seconds: u64, max_rows: u64) -> Self {
        Self {
            time: Some(max_seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs),
            rows: Some(max_rows).filter(|rows| *rows > 0),
        }
    }
}

/// The limit of time in seconds that the one file of this process was opened with, for the message.
static SECONDS: AtomicU64 = AtomicU64::new(0);

/// Steps of SQLite's virtual machine between two checks of the clock.
const STEPS_A_LOOK: i32 = 100_000;

/// The bytes of a header.
const HEADER: usize = 100;

/// Pragmas that describe a file. They are allowed only without a value, since with one some of them change a setting.
const DESCRIBING: [&str; 12] = [
    "application_id",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "freelist_count",
    "function_list",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

/// Pragmas that describe what their value names.
const DESCRIBING_NAMED: [&str; 9] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_xinfo",
];

/// The kind of a file, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A report file of the schema that this program knows.
    Report,
    /// A summary of it.
    Summary,
    /// One of ours, with this other schema version.
    Other(i32),
}

impl Kind {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Summary => "summary",
            Self::Other(_) => "other",
        }
    }
}

/// The file's kind by its header.
///
/// # Errors
/// If it is not one of our files, or its end is missing.
pub fn kind(path: &Path) -> Result<Kind, BoxError> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{shown}: there is no such file"),
        _ => format!("{shown}: {error}"),
    })?;
    if metadata.is_dir() {
        return Err(format!("{shown} is a folder").into());
    }
    if !metadata.is_file() {
        return Err(format!("{shown} is not an ordinary file").into());
    }
    let mut header = Vec::with_capacity(HEADER);
    std::fs::File::open(path)
        .and_then(|file| file.take(HEADER as u64).read_to_end(&mut header))
        .map_err(|error| format!("{shown}: {error}"))?;
    if header.is_empty() {
        return Err(format!("{shown} is empty").into());
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        bytes.map(u32::from_be_bytes).unwrap_or_default()
    };
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        return Err(format!("{shown} is not a SQLite file").into());
    }
    if number(68).cast_signed() != APPLICATION_ID {
        return Err(format!("{shown} is a SQLite file, but not one of Vestibule's").into());
    }
    // A page size of 1 stands for 65536, which two bytes can't hold.
    let page = match u64::from(number(16) >> 16) {
        1 => 1 << 16,
        size => size,
    };
    // The count of pages is valid only if it was written with the last change.
    let whole = page * u64::from(number(28));
    if number(24) == number(92) && whole != metadata.len() {
        return Err(
            format!("{shown} has {} bytes instead of {whole}: it was cut off or added to", metadata.len()).into()
        );
    }
    Ok(match number(60).cast_signed() {
        SCHEMA_VERSION => Kind::Report,
        SUMMARY_VERSION => Kind::Summary,
        version => Kind::Other(version),
    })
}

/// Opens one of our files, of any schema, for reading only.
///
/// # Errors
/// If it is not one of our files, or can't be read.
pub fn open(path: &Path, limits: Limits) -> Result<Connection, BoxError> {
    kind(path)?;
    let open = || -> rusqlite::Result<Connection> {
        // Immutable: SQLite locks nothing and looks for no files beside it, so the file may be on a read-only medium.
        let conn = Connection::open_with_flags(
            format!("file:{}?immutable=1&mode=ro", uri_path(path)),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")?;
        conn.authorizer(Some(|asked: AuthContext<'_>| allowed(asked.action)));
        if let Some(time) = limits.time {
            SECONDS.store(time.as_secs(), Ordering::Relaxed);
            let begun = Instant::now();
            conn.progress_handler(STEPS_A_LOOK, Some(move || begun.elapsed() > time));
        }
        Ok(conn)
    };
    let conn = open().map_err(|error| described(path, &error))?;
    if !is_text(&conn).map_err(|error| described(path, &error))? {
        return Err(format!("{}: a name in its schema is not text", path.display()).into());
    }
    Ok(conn)
}

/// Allows reading and nothing else.
fn allowed(action: AuthAction<'_>) -> Authorization {
    let may = match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let among = |list: &[&str]| list.iter().any(|name| name.eq_ignore_ascii_case(pragma_name));
            among(&DESCRIBING_NAMED) || among(&DESCRIBING) && pragma_value.is_none()
        }
        _ => false,
    };
    if may { Authorization::Allow } else { Authorization::Deny }
}

/// Whether all statements of the schema are UTF-8. Names of columns come from there and are treated as text.
fn is_text(conn: &Connection) -> rusqlite::Result<bool> {
    let mut schema = conn.prepare("SELECT name, tbl_name, sql FROM sqlite_schema")?;
    let mut rows = schema.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            if row.get_ref(column)?.as_bytes_or_null().ok().flatten().is_some_and(|text| str::from_utf8(text).is_err())
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A path as part of a URI. Characters with a meaning there are escaped.
fn uri_path(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut out = String::new();
    // A drive of Windows needs a slash before it, and folders are separated by slashes.
    if cfg!(windows) {
        out.push('/');
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => out.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            b':' if cfg!(windows) => out.push(':'),
            // Writing to a string doesn't fail.
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// An error of SQLite as one line for people.
pub fn described(path: &Path, error: &rusqlite::Error) -> BoxError {
    let what = match error {
        rusqlite::Error::MultipleStatement => "one statement at a time, please".to_owned(),
        rusqlite::Error::InvalidParameterCount(..) => "parameters have no values here: write them out".to_owned(),
        // SQLite's own message repeats the statement, which may have many lines.
        rusqlite::Error::SqlInputError { error, msg, .. } => match error.code {
            ErrorCode::AuthorizationForStatementDenied => refused(msg),
            _ => msg.clone(),
        },
        rusqlite::Error::SqliteFailure(error, said) => match (error.code, said) {
            (ErrorCode::AuthorizationForStatementDenied, said) => refused(said.as_deref().unwrap_or_default()),
            (ErrorCode::OperationInterrupted, _) => {
                let seconds = SECONDS.load(Ordering::Relaxed);
                format!("stopped after {seconds} seconds: --max-seconds allows more, and 0 any time")
            }
            (ErrorCode::DatabaseCorrupt, _) => "the file is damaged".to_owned(),
            (ErrorCode::NotADatabase, _) => "the file is damaged or encrypted".to_owned(),
            (_, Some(said)) => said.clone(),
            (_, None) => error.to_string(),
        },
        other => other.to_string(),
    };
    format!("{}: {}", path.display(), one_line(&what)).into()
}

fn refused(said: &str) -> String {
    format!("refused, because the file may only be read: no writing, attaching, extensions or settings ({said})")
}

/// A name as SQL quotes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table or view of a file.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
}

/// The file's tables and views by name.
pub fn relations(conn: &Connection) -> rusqlite::Result<Vec<Relation>> {
    let mut all = conn.prepare(
        "SELECT name, type = 'view' FROM sqlite_schema
         WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let all = all.query_map([], |row| Ok(Relation { name: row.get(0)?, is_view: row.get(1)? }))?;
    all.collect()
}

/// The value of a key in the file's `meta`.
pub fn meta(conn: &Connection, key: &str) -> Option<String> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).ok()
}
