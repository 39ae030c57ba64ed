/*
 * The Enrollment Status Page of an opened file: what its sessions add up to, pages of them, and the profiles.
 * What must stay true: as on the server, by the text of the file's own views over the days asked for. A file has of
 * profiles what a report tells of them, and not all that Graph has.
 */

import { firstPage, page } from './file-attempts.js';
import { Query, checked, writeDay, writeInstant } from './file-query.js';
import { narrowed } from './file-views.js';

/** Most entries of a list. */
const MAX_LIST = 100;

const SESSION_DAYS = 'x.started_day >= :from AND x.started_day < :to';

/** Every day asked for that the file has: the sums of its rows in `esp_by_day`. */
const BY_DAY = `
  WITH sums AS (
    SELECT day, sum(started) AS started, sum(succeeded) AS succeeded, sum(with_timeout) AS with_timeout,
      sum(on_retry) AS on_retry, sum(failed) AS failed, sum(timed_out) AS timed_out, sum(in_progress) AS in_progress,
      sum(n) AS n, sum(stuck) AS stuck, sum(still_stuck) AS still_stuck
    FROM esp_by_day WHERE day >= :from AND day < :to GROUP BY day)
  SELECT d.date AS date, coalesce(s.started, 0) AS started, coalesce(s.succeeded, 0) AS succeeded,
    coalesce(s.with_timeout, 0) AS with_timeout, coalesce(s.on_retry, 0) AS on_retry, coalesce(s.failed, 0) AS failed,
    coalesce(s.timed_out, 0) AS timed_out, coalesce(s.in_progress, 0) AS in_progress, coalesce(s.n, 0) AS n,
    s.succeeded * 1.0 / nullif(s.n, 0) AS success_rate, coalesce(s.stuck, 0) AS stuck,
    coalesce(s.still_stuck, 0) AS still_stuck
  FROM days d LEFT JOIN sums s ON s.day = d.day
  WHERE d.day >= :from AND d.day < :to ORDER BY d.day`;

const PROFILE = `profile_id, profile, sessions, succeeded, failed, timed_out, in_progress, n, success_rate, over_limit,
  recovered, stuck, median_minutes, p90_minutes`;
const PHASE = 'profile_id, profile, phase, entered, completed, failed, n, success_rate, median_minutes, p90_minutes';
const APP = 'app, sessions, blocking, tried, completed, failed, failing, failure_rate, median_minutes, p90_minutes';

/** Both lists of apps at once, as it looks at every item. By name where they are alike otherwise. */
const apps = (view) => `
  WITH apps AS MATERIALIZED (${view}),
  ranked AS (
    SELECT ${APP},
      row_number() OVER (ORDER BY p90_minutes IS NULL, p90_minutes DESC, sessions DESC, app) AS slowest,
      row_number() OVER (ORDER BY failed DESC, coalesce(failure_rate, 0) DESC, app) AS failing_most
    FROM apps)
  SELECT ${APP}, CASE WHEN p90_minutes IS NOT NULL AND slowest <= :limit THEN slowest END AS slowest,
    CASE WHEN failed > 0 AND failing_most <= :limit THEN failing_most END AS failing_most
  FROM ranked WHERE slowest <= :limit OR failing_most <= :limit`;

function ordered(found, by) {
  const list = found.filter((one) => one[by] !== null).sort((one, two) => one[by] - two[by]);
  return list.map(({ slowest, failingMost, ...one }) => one);
}

/** `GET /api/reports/esp` */
export async function esp(file, parameters, options) {
  const query = new Query(parameters, ['from', 'to', 'limit']);
  file.needsFacts();
  const meta = await file.meta();
  const { from, to } = query.rangeOrRecent(Number(meta.asOfDay));
  const values = { ':from': from, ':to': to, ':limit': query.limit(MAX_LIST) };
  const [profiles, phases, items] = (
    await Promise.all(['esp_by_profile', 'esp_by_phase_and_profile', 'esp_apps'].map((name) => file.view(name)))
  ).map((text) => narrowed(text, SESSION_DAYS));
  const [byDay, byProfile, byPhase, found, stuck, recovered] = await Promise.all([
    file.rows(BY_DAY, values, options),
    file.rows(`SELECT ${PROFILE} FROM (${profiles}) ORDER BY sessions DESC, profile, profile_id`, values, options),
    file.rows(`SELECT ${PHASE} FROM (${phases}) ORDER BY profile, profile_id, phase_id`, values, options),
    file.rows(apps(items), values, options),
    file.rows(
      `SELECT session_id, enrollment_key, device_name, user_principal_name, phase, stuck_since, state, profile, meaning
       FROM esp_stuck_identifying WHERE is_stuck = 1 ORDER BY session_no DESC LIMIT :limit`,
      values,
      options,
    ),
    file.rows(
      `SELECT session_id, enrollment_key, device_name, user_principal_name, profile, started_at, deadline, ended_at,
         minutes_over, state
       FROM esp_timeouts_recovered WHERE day >= :from AND day < :to ORDER BY session_no DESC LIMIT :limit`,
      values,
      options,
    ),
  ]);
  return {
    asOf: meta.asOf,
    timeZone: meta.timeZone,
    from: writeDay(from),
    to: writeDay(to),
    byDay,
    byProfile,
    byPhase,
    slowestApps: ordered(found, 'slowest'),
    failingApps: ordered(found, 'failingMost'),
    stuck,
    recovered,
  };
}

const SESSION = `session_id, enrollment_key, sender_session_id, device_name, user_principal_name, os_version,
  started_at, started_day, last_event_at, ended_at, deadline, limit_minutes, state, phase, stage, progress, profile,
  profile_id, profile_version, rule, rule_group, deployment_mode, hybrid_join, items AS items_counted, items_done,
  timed_out, failed, failed_phase, retries, stuck_since, stuck_phase, is_stuck, error_code, error_message`;

/** `GET /api/reports/esp/sessions` */
export async function espSessions(file, parameters, options) {
  const query = new Query(parameters, ['from', 'to', 'state', 'profileId', 'stuck', 'cursor', 'limit']);
  file.needsFacts();
  const meta = await file.meta();
  const { from, to } = checked(query.range());
  const cursor = query.cursor();
  const limit = query.limit();
  const values = {
    ':from': from,
    ':to': to,
    ':state': query.choice('state', "is not a session's state", await file.names('esp_session_states'))?.id ?? null,
    ':profile': query.text('profileId'),
    ':stuck': query.parse('stuck', 'must be true or false', (text) => ({ true: 1, false: 0 })[text]),
    ':before': cursor?.major ?? null,
    ':limit': limit + 1,
  };
  const conditions = Object.entries({
    ':from': 'x.started_day >= :from',
    ':to': 'x.started_day < :to',
    ':state': 'x.state_id = :state',
    ':profile': 'x.profile_id_word IN (SELECT id FROM words WHERE text = :profile)',
    ':stuck': 'x.is_stuck = :stuck',
    ':before': 'x.session_no < :before',
  })
    .filter(([name]) => values[name] !== null)
    .map(([, sql]) => sql);
  const found = await file.rows(
    `SELECT ${SESSION}, session_no FROM esp_session_list WHERE session_no IN (
       SELECT x.session_no FROM esp_sessions x WHERE ${conditions.join(' AND ') || '1'}
       ORDER BY x.session_no DESC LIMIT :limit)
     ORDER BY session_no DESC`,
    values,
    { ...options, booleans: ['hybridJoin', 'timedOut', 'failed', 'isStuck'] },
  );
  const asOf = firstPage(meta, cursor);
  const { shown, next } = page(found, limit, asOf, 'sessionNo');
  return { asOf: meta.asOf, firstPageAsOf: writeInstant(asOf), timeZone: meta.timeZone, sessions: shown, next };
}

/** `GET /api/devices/esp-profiles`, as far as a file tells of them. */
export async function espProfiles(file, parameters, options) {
  new Query(parameters, []);
  const meta = await file.meta();
  const value = await file.rows(
    `SELECT profile_id AS id, display_name, description, version, coalesce(priority, 0) AS priority, is_default,
       status = 'active' AS enabled,
       limit_minutes AS install_progress_timeout_in_minutes, show_installation_progress, block_device_use,
       modified_at AS last_modified_date_time
     FROM esp_profile_list ORDER BY profile_no`,
    {},
    { ...options, booleans: ['isDefault', 'enabled', 'showInstallationProgress', 'blockDeviceUse'] },
  );
  return { asOf: meta.asOf, profiles: value.length, value };
}
