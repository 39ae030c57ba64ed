-- Web-based enrollment as the organisation's sign-ins show it (docs/DOMAIN.md, W): people, not devices and not
-- attempts. These views leave out days for which no sign-in was received.
CREATE VIEW web_enrollment_by_step AS
SELECT
  --: The day of the sign-ins, in the organisation's time zone when they were received.
  $day(d.day) AS date,
  --: days since 1970-01-01 | The day of the sign-ins, in the organisation's time zone when they were received.
  d.day AS day,
  p.name AS platform,
  --: The step's place in the order in which people reach the steps.
  s.id AS step,
  --: The step.
  s.name AS name,
  s.title AS title,
  --: 0 or 1 | Whether the step may open an enrollment; other steps count only together with one that does.
  s.opens AS opens,
  --: people | How many reached the step that day; each person counts once for each operating system.
  CAST(coalesce(sum(CASE WHEN (x.steps >> (s.id - 1)) & 1 = 1 THEN x.people END), 0) AS BIGINT) AS people,
  --: people | Of these, how many reached this step and no other: at accessBlocked, those who were blocked and did not
  --: go on.
  CAST(coalesce(sum(CASE WHEN x.steps = 1 << (s.id - 1) THEN x.people END), 0) AS BIGINT) AS only_this
FROM web_enrollment_days d
CROSS JOIN platforms p
CROSS JOIN web_steps s
LEFT JOIN web_enrollment_sets x ON x.day = d.day AND x.platform_id = p.id
WHERE p.name IN ('ios', 'android') AND s.id > 0
GROUP BY d.day, p.id, p.name, s.id, s.name, s.title, s.opens;

CREATE VIEW web_enrollment_by_day AS
SELECT
  --: The day of the sign-ins, in the organisation's time zone when they were received.
  date,
  --: days since 1970-01-01 | The day of the sign-ins, in the organisation's time zone when they were received.
  day,
  platform,
  --: people | How many reached any step of an enrollment.
  people,
  --: people | Of these, those whose access was refused until the device is enrolled, and who reached no other step.
  --: Nobody reports whether they wished to enroll it.
  met_the_wall,
  --: people | The others.
  CAST(people - met_the_wall AS BIGINT) AS went_on,
  --: people | Of these, those who signed in to the web Company Portal or the Company Portal.
  reached_portal,
  --: people | Of these, those who signed in to Microsoft Intune Enrollment.
  reached_enrollment
FROM (
  SELECT $day(d.day) AS date, d.day AS day, p.name AS platform,
    CAST(coalesce(sum(x.people), 0) AS BIGINT) AS people,
    CAST(coalesce(sum(CASE WHEN x.steps = 1 << (blocked.id - 1) THEN x.people END), 0) AS BIGINT) AS met_the_wall,
    CAST(coalesce(sum(CASE WHEN (x.steps >> (portal.id - 1)) & 1 = 1 THEN x.people END), 0) AS BIGINT) AS reached_portal,
    CAST(coalesce(sum(CASE WHEN (x.steps >> (enrollment.id - 1)) & 1 = 1 THEN x.people END), 0) AS BIGINT)
      AS reached_enrollment
  FROM web_enrollment_days d
  CROSS JOIN platforms p
  LEFT JOIN web_steps blocked ON blocked.name = 'accessBlocked'
  LEFT JOIN web_steps portal ON portal.name = 'portalSignIn'
  LEFT JOIN web_steps enrollment ON enrollment.name = 'enrollmentSignIn'
  LEFT JOIN web_enrollment_sets x ON x.day = d.day AND x.platform_id = p.id
  WHERE p.name IN ('ios', 'android')
  GROUP BY d.day, p.id, p.name) w;
