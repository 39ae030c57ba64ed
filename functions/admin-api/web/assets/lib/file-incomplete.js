/*
 * The incomplete-enrollments report of an opened file.
 *
 * What must stay true: the statements are the server's, over the file's views; the funnel runs by the text of the
 * file's own view, over the days asked for. A summary has no single visits, so it has medians of its whole window
 * alone.
 */

import { Query, attemptNumbers, invalid, writeDay } from './file-query.js';
import { narrowed } from './file-views.js';

const DAYS = 'day >= :from AND day < :to AND (:os IS NULL OR platform = :os)';
const IN_SECTION = '(:section IS NULL OR section = :section)';

const TOTALS = `
  SELECT initiated, abandoned + failed AS incomplete, abandoned, failed, completed, open,
    CASE WHEN initiated > 0 THEN CAST(abandoned AS REAL) / initiated END AS incomplete_rate
  FROM (SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(completed), 0) AS completed,
          coalesce(sum(open), 0) AS open
        FROM incomplete_by_day WHERE ${DAYS})
  CROSS JOIN (SELECT coalesce(sum(abandoned), 0) AS abandoned, coalesce(sum(failed), 0) AS failed
        FROM incomplete_detail WHERE ${DAYS} AND ${IN_SECTION})`;

/** Every day and section, zero included; places outside the sections only where there are any. */
const DAILY = `
  WITH RECURSIVE
    asked (day) AS (SELECT :from UNION ALL SELECT day + 1 FROM asked WHERE day + 1 < :to),
    counts AS MATERIALIZED (
      SELECT day, section, sum(abandoned) AS abandoned FROM incomplete_detail
      WHERE ${DAYS} AND ${IN_SECTION} AND abandoned > 0 GROUP BY day, section),
    series AS (
      SELECT id, name FROM sections
      WHERE CASE id WHEN 0 THEN EXISTS (SELECT 1 FROM counts WHERE section IS NULL)
        ELSE :section IS NULL OR name = :section END)
  SELECT strftime('%Y-%m-%d', asked.day * 86400, 'unixepoch') AS date, series.name AS section,
    coalesce(counts.abandoned, 0) AS abandoned
  FROM asked CROSS JOIN series
  LEFT JOIN counts ON counts.day = asked.day AND counts.section IS series.name
  ORDER BY asked.day, series.id = 0, series.id`;

const ACTIONS = `
  WITH counts AS (
    SELECT catalogue_row, sum(abandoned) AS abandoned FROM incomplete_detail
    WHERE ${DAYS} AND ${IN_SECTION} AND part = 'row' GROUP BY catalogue_row)
  SELECT a.catalogue_row AS catalogue_row, a.section AS section, a.action AS action, a.screen AS screen,
    a.platform AS platform, a.how AS how, coalesce(c.abandoned, 0) AS abandoned
  FROM incomplete_by_action a LEFT JOIN counts c ON c.catalogue_row = a.catalogue_row
  ORDER BY a.catalogue_row`;

const OTHER_CAUSES = `
  SELECT part AS cause, section, action, sum(abandoned) AS abandoned FROM incomplete_detail
  WHERE ${DAYS} AND ${IN_SECTION} AND part NOT IN ('row', 'other') GROUP BY part, section, action ORDER BY 1, 2, 3`;

const OTHER = `
  SELECT coalesce(sum(abandoned), 0) AS other FROM incomplete_detail
  WHERE ${DAYS} AND ${IN_SECTION} AND part = 'other'`;

/** `left` is a word of SQL. */
const STEPS = 'step, section, action, entered, left_forward AS "left", abandoned';

const SUMMARY_FUNNEL = `
  WITH reached AS (
    SELECT step, sum(entered) AS entered, sum(left_forward) AS left_forward, sum(abandoned) AS abandoned
    FROM funnel_by_day WHERE ${DAYS} GROUP BY step)
  SELECT ${STEPS}, median_seconds FROM (
    SELECT w.step AS step, w.section AS section, w.action AS action, coalesce(r.entered, 0) AS entered,
      coalesce(r.left_forward, 0) AS left_forward, coalesce(r.abandoned, 0) AS abandoned,
      CASE WHEN :whole THEN w.median_seconds END AS median_seconds
    FROM funnel w LEFT JOIN reached r ON r.step = w.step)
  WHERE ${IN_SECTION} ORDER BY step`;

async function funnel(file, values, options) {
  if (file.isSummary) return file.rows(SUMMARY_FUNNEL, values, options);
  const text = narrowed(await file.view('funnel'), DAYS, 'attempt_no >= :first AND attempt_no < :last');
  const sql = `SELECT ${STEPS}, median_seconds FROM (${text}) WHERE ${IN_SECTION} ORDER BY step`;
  // It looks at every visit of every step.
  return file.rows(sql, values, { ...options, slow: true });
}

/** `GET /api/reports/incomplete-enrollments` */
export async function incomplete(file, parameters, options) {
  const query = new Query(parameters, ['from', 'to', 'os', 'section']);
  const meta = await file.meta();
  const range = query.rangeOrRecent(Number(meta.asOfDay));
  const os = query.platform('os', await file.names('platforms', ', reported'));
  if (os && !os.reported) throw invalid('os', 'must be ios or android');
  const section = query.section(await file.names('sections'));
  const { first, last } = attemptNumbers(range);
  const isWhole = range.from === Number(meta.windowFromDay) && range.to === Number(meta.windowToDay) && !os;
  const values = {
    ':from': range.from,
    ':to': range.to,
    ':os': os?.name ?? null,
    ':section': section?.name ?? null,
    ':first': first,
    ':last': last,
    ':whole': isWhole ? 1 : 0,
  };
  const [totals, daily, actions, otherCauses, { other }] = await Promise.all([
    file.row(TOTALS, values, options),
    file.rows(DAILY, values, options),
    file.rows(ACTIONS, values, options),
    file.rows(OTHER_CAUSES, values, options),
    file.row(OTHER, values, options),
  ]);
  const answer = {
    asOf: meta.asOf,
    timeZone: meta.timeZone,
    from: writeDay(range.from),
    to: writeDay(range.to),
    os: os?.name ?? null,
    section: section?.name ?? null,
    ...totals,
    daily,
    actions,
    otherCauses,
    other,
    funnel: null,
  };
  if (!options.signal?.aborted) options.onPart?.(answer);
  return { ...answer, funnel: await funnel(file, values, options) };
}
