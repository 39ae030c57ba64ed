counted_by_$scale AS (
    SELECT c.action_id AS action_id, c.seconds AS seconds, c.visits AS visits,
      m.before + sum(c.visits) OVER (PARTITION BY c.action_id ORDER BY c.seconds) AS upto,
      coalesce(m.n, sum(c.visits) OVER (PARTITION BY c.action_id)) AS n
    FROM (
      SELECT o.action_id AS action_id, o.seconds AS seconds, sum(o.visits) AS visits
      FROM (
        -- Grouped in the order of the key, so that SQLite sorts only the sums.
        SELECT p.platform_id AS platform_id, k.id AS action_id, d.from_seconds AS seconds, sum(d.visits) AS visits
        FROM (SELECT id AS platform_id, name AS platform, reported FROM platforms) p
        CROSS JOIN actions k
        CROSS JOIN daily_step_times d
        WHERE d.platform_id = p.platform_id AND d.action_id = k.id AND d.scale = $number
          AND d.from_seconds >= (SELECT m.first FROM middle_of_$before m WHERE m.action_id = k.id)
          AND d.from_seconds <= (SELECT m.until FROM middle_of_$before m WHERE m.action_id = k.id)
          AND $days
        GROUP BY p.platform_id, k.id, d.from_seconds) o
      GROUP BY o.action_id, o.seconds) c
    CROSS JOIN middle_of_$before m
    WHERE m.action_id = c.action_id),
  middle_of_$scale AS MATERIALIZED (
    SELECT c.action_id AS action_id, min(c.seconds) AS first, max(c.seconds) AS last, max(x.to_seconds) AS until,
      min(c.upto - c.visits) AS before, min(c.n) AS n
    FROM counted_by_$scale c
    LEFT JOIN step_time_parts x ON x.scale = $number AND x.from_seconds = c.seconds
    WHERE 2 * c.upto >= c.n AND 2 * (c.upto - c.visits) <= c.n
    GROUP BY c.action_id)
