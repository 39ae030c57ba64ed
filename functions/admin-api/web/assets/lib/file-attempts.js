/*
 * Single attempts of an opened file: pages of them, and one with its events.
 * What must stay true: the statements, their order and their cursors are the server's, so a page ends where its would.
 */

import { forFailures } from './file-advice.js';
import { Query, attemptNumbers, checked, notInFile, writeCursor, writeInstant } from './file-query.js';

/** The columns of `enrollment_attempts` that an answer has. */
const ATTEMPT = `attempt_id, enrollment_key, number, device_name, user_principal_name, user_id, platform,
  platform_label, os_version, enrollment_type, manufacturer, model, started_at, started_day, last_activity_at,
  ended_at, outcome, cause, section, action, screen, catalogue_row, failure_code, failure_reason, failure_category,
  failure_message, clock_skew, event_count`;

/** The columns of `attempt_timeline`. */
const EVENT = `seq, kind, time, received_at, source, event_id, section, action, screen, user_action, failure_code,
  failure_reason, reported, clock_skew`;

const booleans = ['clockSkew'];

/** Conditions on the table `attempts a`; those whose value isn't given let all through. */
const CONDITIONS = [
  // The numbers bound what is looked at; the days decide.
  ['a.attempt_no >= :first', ':first'],
  ['a.attempt_no < :last', ':last'],
  ['a.started_day >= :from', ':from'],
  ['a.started_day < :to', ':to'],
  ['a.platform_id = :os', ':os'],
  ['a.section_id = :section', ':section'],
  ['a.action_id IN (SELECT id FROM actions WHERE name = :action COLLATE NOCASE)', ':action'],
  ['a.screen_id IN (SELECT id FROM screens WHERE name = :screen COLLATE NOCASE)', ':screen'],
  ['a.cause_id = :cause', ':cause'],
  ['a.outcome_id = :outcome', ':outcome'],
  ["a.outcome_id IN (SELECT id FROM outcomes WHERE :incomplete AND name IN ('abandoned', 'failed'))", ':incomplete'],
  ['coalesce(a.catalogue_row, 0) = :row', ':row'],
  [
    `a.attempt_no IN (
      WITH user (id) AS (SELECT id FROM words WHERE text = :user COLLATE NOCASE)
      SELECT attempt_no FROM attempts WHERE user_principal_name_word IN (SELECT id FROM user)
      UNION SELECT attempt_no FROM attempts WHERE user_id_word IN (SELECT id FROM user))`,
    ':user',
  ],
  ['a.enrollment_no IN (SELECT enrollment_no FROM enrollments WHERE enrollment_key = :key)', ':key'],
  ['a.attempt_no < :before', ':before'],
];

/**
 * A page of rows, and where the next one begins.
 * @param {object[]} found one more than the page has, if there are more
 * @param {number} limit
 * @param {string|bigint} asOf milliseconds of the first page
 * @param {string} major the member that rows are ordered by
 * @param {string} [minor]
 */
export function page(found, limit, asOf, major, minor) {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const next = found.length > limit ? writeCursor(asOf, last[major], minor ? last[minor] : 0) : null;
  for (const one of shown) {
    delete one[major];
    if (minor) delete one[minor];
  }
  return { shown, next };
}

/** The instant that the first page was true for: this file's, or that of the cursor. */
export const firstPage = (meta, cursor) => cursor?.asOf ?? BigInt(meta.asOfMillis);

/** `GET /api/reports/incomplete-enrollments/attempts` */
export async function attempts(file, parameters, options) {
  const query = new Query(parameters, [
    'from',
    'to',
    'os',
    'section',
    'action',
    'screen',
    'cause',
    'outcome',
    'catalogueRow',
    'user',
    'enrollmentKey',
    'cursor',
    'limit',
  ]);
  file.needsFacts();
  const meta = await file.meta();
  const range = checked(query.range());
  const os = query.platform('os', await file.names('platforms', ', reported'));
  const row = (text) => (/^\+?\d+$/.test(text) && Number(text) <= 19 ? Number(text) : null);
  const { first, last } = attemptNumbers(range);
  const cursor = query.cursor();
  const limit = query.limit();
  // What the report's number of that name counts.
  const incomplete = query.text('outcome') === 'incomplete';
  const values = {
    ':first': first,
    ':last': last,
    ':from': range.from,
    ':to': range.to,
    ':os': os?.id ?? null,
    ':section': query.section(await file.names('sections'))?.id ?? null,
    ':action': query.text('action'),
    ':screen': query.text('screen'),
    ':cause': query.choice('cause', 'is not a cause', await file.names('causes'))?.id ?? null,
    ':outcome': incomplete
      ? null
      : (query.choice('outcome', 'is not an outcome', await file.names('outcomes'))?.id ?? null),
    ':incomplete': incomplete ? 1 : null,
    ':row': query.parse('catalogueRow', 'must be between 0 (none) and 19', row),
    ':user': query.text('user'),
    ':key': query.text('enrollmentKey'),
    ':before': cursor?.major ?? null,
    ':limit': limit + 1,
  };
  const conditions = CONDITIONS.filter(([, name]) => values[name] !== null).map(([sql]) => sql);
  // Without a platform these are the attempts that the report counts.
  if (!os) conditions.push('a.platform_id IN (SELECT id FROM platforms WHERE reported = 1)');
  const found = await file.rows(
    `SELECT ${ATTEMPT}, attempt_no FROM enrollment_attempts WHERE attempt_no IN (
       SELECT a.attempt_no FROM attempts a WHERE ${conditions.join(' AND ')} ORDER BY a.attempt_no DESC LIMIT :limit)
     ORDER BY attempt_no DESC`,
    values,
    { ...options, booleans },
  );
  const asOf = firstPage(meta, cursor);
  const { shown, next } = page(found, limit, asOf, 'attemptNo');
  return { asOf: meta.asOf, firstPageAsOf: writeInstant(asOf), timeZone: meta.timeZone, attempts: shown, next };
}

/** `GET /api/attempts/{id}` */
export async function attempt(file, parameters, options, id) {
  new Query(parameters, []);
  file.needsFacts();
  const found = /^[0-9a-f]{32}$/i.test(id)
    ? await file.row(
        'SELECT attempt_no FROM attempts WHERE attempt_id = unhex(:id) ORDER BY attempt_no LIMIT 1',
        { ':id': id },
        options,
      )
    : null;
  if (!found) throw notInFile('This file has no such attempt.');
  const value = { ':attempt': found.attemptNo };
  const [meta, one, [advice], events] = await Promise.all([
    file.meta(),
    file.row(`SELECT ${ATTEMPT} FROM enrollment_attempts WHERE attempt_no = :attempt`, value, { ...options, booleans }),
    forFailures(file, [found.attemptNo], options),
    file.rows(`SELECT ${EVENT} FROM attempt_timeline WHERE attempt_no = :attempt ORDER BY seq`, value, options),
  ]);
  return { asOf: meta.asOf, ...one, advice, events };
}
