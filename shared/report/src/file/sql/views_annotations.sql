-- What the organisation did, by date (docs/DOMAIN.md, R14).
CREATE VIEW annotation_list AS
SELECT
  a.annotation_id AS annotation_id,
  --: Its first day, in the organisation's time zone.
  $day(a.from_day) AS from_date,
  --: The day after its last.
  $day(a.to_day) AS to_date,
  --: What happened, in an administrator's words.
  a.text AS text,
  a.written_by AS written_by,
  --: When it was written last.
  $iso(a.written_at) AS written_at,
  a.from_day AS from_day,
  a.to_day AS to_day
FROM annotations a;
