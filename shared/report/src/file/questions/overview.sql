-- The overview: what became of the attempts that started on the days asked for, whether fewer of them were given up than on
-- the days compared with, and at which step most of those who reach it give up. Only days that are over count, since today's
-- attempts may still end: they are given up later than they start.
-- answer: row
-- also: summary
-- days: compared
-- values: one
-- :os attempts of | One platform, or `all`; without it iOS/iPadOS and Android.
-- :section sections | One section; without it all, and places outside the sections.
-- :compareFrom day | First day to compare with; without it as many days as asked for, right before.
-- :compareTo day | The day after the last to compare with.
WITH $asked, $totals,
  counts AS (
    SELECT n.abandoned_measured AS k, n.measured AS n, n.initiated AS initiated,
      b.abandoned_measured AS k_before, b.measured AS n_before, b.initiated AS initiated_before
    FROM totals n CROSS JOIN totals b WHERE n.period = 'now' AND b.period = 'before'),
  compared AS MATERIALIZED (SELECT c.*, $z AS z FROM counts c),
  $steps,
  ordered AS (
    SELECT at_action AS action, row_number() OVER by_rate AS place, gave_up AS k, reached AS n,
      lead(gave_up) OVER by_rate AS k_before, lead(reached) OVER by_rate AS n_before
    FROM steps WHERE period = 'now' AND reached >= $least
    WINDOW by_rate AS (ORDER BY 1.0 * gave_up / reached DESC, at_step))
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  CASE WHEN until > today AND first <= today THEN $day(today) END AS left_out,
  $day(compare_first) AS compare_from, $day(compare_last) AS compare_to, $os,
  (SELECT name FROM sections WHERE name = :section COLLATE NOCASE) AS section, $slice_json,
  CASE
    WHEN compare_first < kept THEN 'notKept'
    WHEN n = 0 AND initiated > 0 OR n_before = 0 AND initiated_before > 0 THEN 'notReported'
    WHEN n < $least OR n_before < $least THEN 'tooFew'
    WHEN z > $beyond THEN 'worse'
    WHEN z < -$beyond THEN 'better'
    ELSE 'same' END AS comparison,
  CASE WHEN n > 0 AND n_before > 0 AND compare_first >= kept THEN 1.0 * k / n - 1.0 * k_before / n_before END AS difference,
  CASE WHEN compare_first >= kept THEN z END AS z,
  CASE WHEN compare_first >= kept AND z IS NOT NULL THEN $p(z) END AS p,
  $least AS least,
  (SELECT action FROM (SELECT action, place, $z AS z FROM ordered) WHERE place = 1 AND z > $beyond) AS worst_step
FROM asked CROSS JOIN compared
