/*
 * How enrollment stood at a file's instant: counts, who was enrolling, failures and their reasons.
 * What must stay true: as on the server. Of a summary `failures` is null: it has reasons, and no single failure.
 */

import { forFailures, forReasons } from './file-advice.js';
import { firstPage, page } from './file-attempts.js';
import { Query, writeDay } from './file-query.js';

/** `GET /api/devices/enrollment-status` */
export async function status(file, parameters, options) {
  new Query(parameters, []);
  const meta = await file.meta();
  const [counts, firstTimeRight, byPlatform, espProfiles] = await Promise.all([
    file.row('SELECT enrolled, in_progress, pending, failed, devices FROM status_summary', {}, options),
    file.row('SELECT rate, n FROM first_time_right', {}, options),
    file.rows(
      `SELECT platform, total, last_7_days, initiated, completed, failed, abandoned, n, success_rate, average_minutes
      FROM status_by_platform`,
      {},
      options,
    ),
    file.rows(
      `SELECT profile_id, display_name, status, is_default, priority, limit_minutes, blocking_apps, group_names,
      assigned_groups, sessions FROM esp_profile_list ORDER BY profile_no`,
      {},
      { ...options, booleans: ['isDefault'] },
    ),
  ]);
  return { asOf: meta.asOf, timeZone: meta.timeZone, ...counts, byPlatform, firstTimeRight, espProfiles };
}

/** `GET /api/devices/enrollment-status/active` */
export async function active(file, parameters, options) {
  const query = new Query(parameters, ['cursor', 'limit']);
  const [cursor, limit] = [query.cursor(), query.limit()];
  file.needsFacts();
  const meta = await file.meta();
  const found = await file.rows(
    `SELECT enrollment_key, device_name, user_principal_name, platform, platform_words, platform_label, stage, progress,
       started_at, attempt_id, session_id, active_since, enrollment_no
     FROM active_enrollments
     WHERE :since IS NULL OR active_since < :since OR (active_since = :since AND enrollment_no < :number)
     ORDER BY active_since DESC, enrollment_no DESC LIMIT :limit`,
    { ':since': cursor?.major ?? null, ':number': cursor?.minor ?? null, ':limit': limit + 1 },
    options,
  );
  const { shown, next } = page(found, limit, firstPage(meta, cursor), 'activeSince', 'enrollmentNo');
  return { asOf: meta.asOf, active: shown, next };
}

const FAILED_IN = 'day >= :from AND day < :to AND (:platform IS NULL OR platform = :platform)';

/** `GET /api/devices/enrollment-status/failures` */
export async function failures(file, parameters, options) {
  const query = new Query(parameters, ['from', 'to', 'platform', 'limit']);
  const meta = await file.meta();
  const { from, to } = query.rangeOrRecent(Number(meta.asOfDay));
  const platform = query.platform('platform', await file.names('platforms', ', reported'))?.name ?? null;
  const values = { ':from': from, ':to': to, ':platform': platform, ':limit': query.limit() };
  const [found, reasons] = await Promise.all([
    file.isSummary ? null : newest(file, values, options),
    commonest(file, values, options),
  ]);
  return {
    asOf: meta.asOf,
    timeZone: meta.timeZone,
    from: writeDay(from),
    to: writeDay(to),
    platform,
    failures: found,
    reasons,
  };
}

async function newest(file, values, options) {
  const found = await file.rows(
    `SELECT failed_at, age_seconds, abandoned, attempt_id, enrollment_key, device_name, user_principal_name, platform,
       platform_words, code, reason, category, message, section, action, attempt_no
     FROM recent_failures WHERE ${FAILED_IN} ORDER BY failed_at_ms DESC, attempt_no DESC LIMIT :limit`,
    values,
    { ...options, booleans: ['abandoned'] },
  );
  const advice = await forFailures(
    file,
    found.map((one) => one.attemptNo),
    options,
  );
  return found.map(({ attemptNo, ...one }, at) => ({ ...one, advice: advice[at] }));
}

async function commonest(file, values, options) {
  const found = await file.rows(
    `SELECT code, reason, category, sum(failed) AS count, code_word, reason_word FROM failures_by_day
     WHERE ${FAILED_IN} GROUP BY code_word, reason_word, category
     ORDER BY count DESC, code, reason, category LIMIT :limit`,
    values,
    options,
  );
  const advice = await forReasons(file, found, options);
  return found.map(({ codeWord, reasonWord, ...one }, at) => ({ ...one, advice: advice[at] }));
}
