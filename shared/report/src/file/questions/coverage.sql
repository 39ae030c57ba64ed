-- What the numbers are counted from: how many of the attempts that started on the days asked for were reported from
-- their start, with their steps or only at their end; and, in words, what the senders that took part leave out. Which senders took part is not kept by
-- model, version, type, sender or tag: of one alone there is no sentence, and no sender.
-- answer: row
-- also: summary
-- days: recent
-- values: one
-- :os attempts of | One platform, or `all`; without it iOS/iPadOS and Android.
WITH $asked,
  started AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(measured), 0) AS measured,
      coalesce(sum(with_steps), 0) AS with_steps, coalesce(sum(judged), 0) AS judged, coalesce(sum(timed), 0) AS timed,
      coalesce(sum(completed), 0) AS completed
    FROM $its_days($days) WHERE $of_os),
  $senders
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $os, $slice_json,
  initiated, measured, initiated - measured AS only_end_reported, with_steps, judged, completed, timed,
  CASE
    WHEN initiated = 0 OR $is_one THEN NULL
    WHEN EXISTS (SELECT 1 FROM senders WHERE lacking > 0) THEN (
      SELECT group_concat(sentence, ' ') FROM (
        SELECT sentence FROM senders WHERE lacking > 0 ORDER BY lacking DESC, source LIMIT 3))
    ELSE iif(initiated = 1, 'The one enrollment comes', format('All %,d enrollments come', initiated))
      || ' from senders that together report starts, screens and ends.' END
    AS sentence
FROM asked CROSS JOIN started
