/*
 * A worker that has one file open and answers SQL over it.
 *
 * What must stay true: nothing is sent anywhere and nothing is written. The first bytes decide what kind of file it is:
 * the two versions below are SCHEMA_VERSION and SUMMARY_VERSION of the report's crate. A file's views and
 * questions may come from strangers: they may only read the file, for a limited time and up to a number of rows.
 */

import sqlite3InitModule from '../vendor/sqlite3.mjs';
import { installFileSystem } from './vfs.js';

const APPLICATION_ID = 0x56657374;
const SCHEMA_VERSION = 5;
const SUMMARY_VERSION = 1000 + SCHEMA_VERSION;

const HEADER_BYTES = 100;
/** Size of SQLite's own page cache. */
const CACHE_KIBIBYTES = 96 << 10;
/** Limits of one statement. */
const MOST_MS = 120_000;
const MOST_ROWS = 100_000;
/** Steps of SQLite's virtual machine between two checks of the time limit. */
const STEPS_A_LOOK = 100_000;

// Nothing is stored in this browser, so SQLite's storage is not set up.
globalThis.sqlite3ApiConfig = {
  disable: { vfs: { kvvfs: true, opfs: true, 'opfs-vfs': true, 'opfs-sahpool': true, 'opfs-wl': true } },
  warn: () => {},
};
const loading = sqlite3InitModule();

/** The vendored module, once it is loaded. @type {any} */
let sqlite3 = null;
/** The opened file. @type {any} */
let db = null;
const statements = new Map();

/** A problem with a file, by its name: the page has the words (refusals.js). */
class Refusal extends Error {
  /** @param {import('./refusals.js').Refused} why @param {Record<string, any>} [values] */
  constructor(why, values = {}) {
    super(why);
    this.refusal = { why, values };
  }
}

/** What the first bytes say. @param {DataView} header @param {number} size @returns {'report'|'summary'} */
function kindOf(header, size) {
  const isSqlite =
    header.byteLength >= HEADER_BYTES &&
    [...'SQLite format 3\0'].every((letter, at) => header.getUint8(at) === letter.charCodeAt(0));
  if (!isSqlite) {
    throw new Refusal('notSqlite');
  }
  if (header.getUint32(68) !== APPLICATION_ID) {
    throw new Refusal('notOurs');
  }
  const version = header.getUint32(60);
  if (version !== SCHEMA_VERSION && version !== SUMMARY_VERSION) {
    throw new Refusal('otherVersion', { version, report: SCHEMA_VERSION, summary: SUMMARY_VERSION });
  }
  const pageSize = header.getUint16(16) === 1 ? 65_536 : header.getUint16(16);
  if (size < pageSize * header.getUint32(28)) throw new Refusal('cutOff');
  return version === SCHEMA_VERSION ? 'report' : 'summary';
}

/** Fetches a file. @returns {Promise<Blob>} */
async function fetched({ url, sizeBytes }, progress) {
  let response;
  try {
    response = await fetch(url, { credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });
  } catch {
    throw new Refusal('notByThisPage');
  }
  if (!response.ok) throw new Refusal('storeAnswered', { status: response.status });
  const total = Number(response.headers.get('Content-Length')) || sizeBytes;
  const reader = response.body.getReader();
  const pieces = [];
  let loaded = 0;
  let announced = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Refusal('brokeOff');
    });
    if (done) break;
    // A Blob may be on disk; its pieces are in memory.
    pieces.push(new Blob([value]));
    loaded += value.length;
    if (loaded - announced > total / 50) {
      announced = loaded;
      progress({ loaded, total });
    }
  }
  return new Blob(pieces);
}

async function open(message, progress) {
  const blob = message.file ?? (await fetched(message, progress));
  let start;
  try {
    start = await blob.slice(0, HEADER_BYTES).arrayBuffer();
  } catch {
    throw new Refusal('changedAfterChosen');
  }
  const kind = kindOf(new DataView(start), blob.size);
  sqlite3 = await loading;
  installFileSystem(sqlite3, blob, 'vestibule-file');
  try {
    db = new sqlite3.oo1.DB({ filename: '/file', flags: 'r', vfs: 'vestibule-file' });
    db.exec(`PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cache_size = -${CACHE_KIBIBYTES};`);
    db.selectValue('SELECT count(*) FROM meta');
    readOnly();
  } catch {
    throw new Refusal('damaged');
  }
  return { kind, sizeBytes: blob.size };
}

/** The instant at which the running statement must end. */
let deadline = Infinity;

/** From here on statements may select, and call functions without effects, until their time is up. */
function readOnly() {
  const { capi } = sqlite3;
  const allowed = [capi.SQLITE_SELECT, capi.SQLITE_READ, capi.SQLITE_FUNCTION, capi.SQLITE_RECURSIVE];
  const authorise = (_, action, __, name) =>
    allowed.includes(action) && name !== 'load_extension' ? capi.SQLITE_OK : capi.SQLITE_DENY;
  capi.sqlite3_set_authorizer(db.pointer, authorise, 0);
  capi.sqlite3_progress_handler(db.pointer, STEPS_A_LOOK, () => (Date.now() > deadline ? 1 : 0), 0);
}

/** A statement, made once, and the names of its columns. */
function prepared(sql) {
  if (!statements.has(sql)) {
    const statement = db.prepare(sql);
    statements.set(sql, { statement, names: statement.getColumnNames([]) });
  }
  return statements.get(sql);
}

/**
 * The rows of a statement, as objects by the names of their columns. Values that the statement doesn't name are left out.
 * Whole numbers that JavaScript can't hold come as BigInt.
 */
function rows({ sql, values }) {
  deadline = Date.now() + MOST_MS;
  const { statement, names } = prepared(sql);
  statement.reset(true);
  for (const [name, value] of Object.entries(values)) {
    if (sqlite3.capi.sqlite3_bind_parameter_index(statement.pointer, name)) statement.bind(name, value);
  }
  const found = [];
  try {
    while (statement.step()) {
      if (found.length >= MOST_ROWS) throw new Refusal('tooManyRows', { rows: MOST_ROWS });
      found.push(Object.fromEntries(statement.get([]).map((value, at) => [names[at], value])));
    }
  } finally {
    statement.reset(true);
  }
  return found;
}

function refusalOf(error) {
  // The lower byte is the kind of a result; the rest is more precise.
  const isReading = sqlite3 && (error.resultCode & 0xff) === sqlite3.capi.SQLITE_IOERR;
  const isLate = sqlite3 && (error.resultCode & 0xff) === sqlite3.capi.SQLITE_INTERRUPT;
  if (isLate) return new Refusal('tooLong', { seconds: MOST_MS / 1000 }).refusal;
  if (isReading) return error.refusal ?? new Refusal('changedAfterOpened').refusal;
  return error.refusal ?? new Refusal('failed', { message: error.message }).refusal;
}

onmessage = async ({ data: { id, ask, ...message } }) => {
  try {
    const result = ask === 'open' ? await open(message, (progress) => postMessage({ id, progress })) : rows(message);
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, refusal: refusalOf(error) });
  }
};
