-- The tags of each device, of each key the last by time (docs/DOMAIN.md, E12).
CREATE VIEW device_tags AS
SELECT
  e.enrollment_no AS enrollment_no,
  e.enrollment_key AS enrollment_key,
  --: The key of the tag, as the organisation spells it.
  k.name AS tag,
  --: What was reported under the key, or its pseudonym.
  w.text AS value
FROM enrollments e
CROSS JOIN enrollment_tags t
CROSS JOIN slices k
CROSS JOIN words w
WHERE t.enrollment_no = e.enrollment_no AND k.id = t.slice_id AND w.id = t.value_word;

-- What became of attempts by what was reported of them (docs/DOMAIN.md, K). Within one slice each attempt counts once; by
-- sender it counts once for each sender that took part, so those rows do not add up to the attempts.
CREATE VIEW slices_by_day AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  k.name AS slice,
  p.name AS platform,
  p.reported AS reported,
  --: The value reported; empty where none was.
  CAST(nullif(w.text, '') AS TEXT) AS value,
  d.initiated AS initiated,
  d.completed AS completed,
  d.abandoned AS abandoned,
  d.failed AS failed,
  d.open AS open,
  d.measured AS measured,
  d.abandoned_measured AS abandoned_measured,
  d.judged AS judged,
  d.completed_judged AS completed_judged
FROM slices k
CROSS JOIN daily_slices d
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN words w ON w.id = d.value_word
WHERE d.slice_id = k.id;

CREATE VIEW slice_places_by_day AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  k.name AS slice,
  p.name AS platform,
  p.reported AS reported,
  --: The value reported; empty where none was.
  CAST(nullif(w.text, '') AS TEXT) AS value,
  s.name AS section,
  --: The action at which they stopped; empty where no sender reported a place.
  a.name AS action,
  d.abandoned AS abandoned,
  d.failed AS failed
FROM slices k
CROSS JOIN daily_slice_places d
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN words w ON w.id = d.value_word
LEFT JOIN actions a ON a.id = d.action_id
LEFT JOIN sections s ON s.id = a.section_id
WHERE d.slice_id = k.id;
