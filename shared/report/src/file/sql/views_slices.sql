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
  d.with_steps AS with_steps,
  d.with_stops AS with_stops,
  d.with_failures AS with_failures,
  d.judged AS judged,
  d.completed_judged AS completed_judged,
  d.timed AS timed
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
  c.name AS cause,
  CAST(nullif(d.catalogue_row, 0) AS BIGINT) AS catalogue_row,
  --: min | The limit that ran out; empty where none did.
  CAST(nullif(d.limit_minutes, 0) AS BIGINT) AS limit_minutes,
  d.abandoned AS abandoned,
  d.failed AS failed,
  d.abandoned_measured AS abandoned_measured
FROM slices k
CROSS JOIN daily_slice_places d
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN words w ON w.id = d.value_word
LEFT JOIN sections s ON s.id = d.section_id
LEFT JOIN actions a ON a.id = d.action_id
LEFT JOIN causes c ON c.id = d.cause_id
WHERE d.slice_id = k.id;

-- What became of those who reached each step, by value: as in `steps_by_day`.
CREATE VIEW slice_steps_by_day AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  k.name AS slice,
  p.name AS platform,
  p.reported AS reported,
  --: The value reported; empty where none was.
  CAST(nullif(w.text, '') AS TEXT) AS value,
  a.step AS step,
  s.name AS section,
  a.name AS action,
  d.entered AS entered,
  d.left_forward AS left_forward,
  --: attempts | Attempts given up at the step that were reported to come to it.
  d.abandoned AS abandoned,
  --: attempts | Attempts that were reported to come to the step, or that ended or stand at it and have steps.
  CAST(d.entered + d.only_there AS BIGINT) AS reached,
  --: attempts | Attempts that left the step forward and did not end or stand at it.
  CAST(d.left_forward - d.came_back AS BIGINT) AS went_on,
  --: attempts | Attempts given up at the step.
  CAST(d.abandoned + d.only_abandoned AS BIGINT) AS gave_up,
  --: attempts | Attempts that failed at the step.
  d.failed AS failed,
  d.still_there AS still_there,
  --: attempts | Of those that reached it, the ones of which no sender reported what became of them there.
  CAST(d.entered + d.only_there - d.left_forward + d.came_back - d.abandoned - d.only_abandoned - d.failed - d.still_there
    AS BIGINT) AS not_reported
FROM slices k
CROSS JOIN daily_slice_steps d
CROSS JOIN actions a
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN words w ON w.id = d.value_word
LEFT JOIN sections s ON s.id = a.section_id
WHERE d.slice_id = k.id AND a.id = d.action_id AND a.step IS NOT NULL;
