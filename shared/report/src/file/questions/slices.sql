-- What became of the attempts that started on the days asked for, by model, OS version, enrollment type, sender or tag. The
-- commonest values are listed, the others are counted together in `rest`. By sender, an attempt counts once for each sender
-- that took part.
-- answer: row
-- days: recent
-- :by slices | By what: model, osVersion, enrollmentType, source, or the key of a tag that is kept; without it by model.
-- :os attempts of | One platform, or `all`; without it iOS/iPadOS and Android.
-- :limit limit | At most this many values; 50 without it.
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $os,
  (SELECT name FROM slices WHERE name = coalesce(:by, 'model') COLLATE NOCASE) AS "by",
  (SELECT coalesce(sum(initiated), 0) FROM attempts_by_day WHERE $reported) AS initiated
FROM asked
