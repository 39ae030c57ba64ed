-- The incomplete-enrollments report: what became of the attempts that started on the days asked for, on iOS/iPadOS and
-- Android where no platform is named. The section narrows the numerators, never what was initiated or measured. A count of
-- how attempts ended is empty where there is none and no sender that took part could have reported one.
-- answer: row
-- also: summary
-- days: recent
-- values: one
-- :os attempts of | One platform, or `all`; without it iOS/iPadOS and Android.
-- :section sections | One section; without it all, and places outside the sections.
WITH $asked,
  started AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(completed), 0) AS completed,
      coalesce(sum(open), 0) AS open, coalesce(sum(measured), 0) AS measured, coalesce(sum(judged), 0) AS judged,
      coalesce(sum(with_steps), 0) AS with_steps
    FROM $its_days($days) WHERE $of_os),
  ended AS (
    SELECT coalesce(sum(abandoned), 0) AS abandoned, coalesce(sum(failed), 0) AS failed,
      coalesce(sum(abandoned_measured), 0) AS abandoned_measured,
      coalesce(sum(CASE part WHEN 'placeNotReported' THEN abandoned END), 0) AS place_not_reported,
      coalesce(sum(CASE part WHEN 'other' THEN abandoned END), 0) AS other
    FROM $ended),
  counted AS (
    SELECT CASE WHEN abandoned > 0 OR initiated = 0 OR EXISTS (
        SELECT 1 FROM $its_seen($days) WHERE $of_os AND stops) THEN abandoned END AS abandoned,
      CASE WHEN failed > 0 OR initiated = 0 OR EXISTS (
        SELECT 1 FROM $its_seen($days) WHERE $of_os AND failures) THEN failed END AS failed
    FROM started CROSS JOIN ended)
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $os,
  (SELECT name FROM sections WHERE name = :section COLLATE NOCASE) AS section, $slice_json,
  initiated, coalesce(counted.abandoned + counted.failed, counted.abandoned, counted.failed) AS incomplete,
  counted.abandoned AS abandoned, counted.failed AS failed, completed, open,
  measured, initiated - measured AS only_end_reported, abandoned_measured,
  CASE WHEN measured > 0 THEN CAST(abandoned_measured AS REAL) / measured END AS incomplete_rate,
  with_steps, judged, place_not_reported, other
FROM asked CROSS JOIN started CROSS JOIN ended CROSS JOIN counted
