-- Where more people are affected than the rate of the four weeks before would give, most first. Only what is certain: of all
-- that was compared, one in twenty of those shown is expected to be there by chance (Benjamini and Hochberg).
-- answer: rows
WITH $changes,
  worse AS MATERIALIZED (SELECT j.*, $spread(k, n) AS spread FROM judged j WHERE is_certain AND z > 0),
  running AS (
    SELECT d.kind AS kind, d.name AS name, d.day AS day, sum(d.k) OVER since_then AS k, sum(d.n) OVER since_then AS n,
      w.k + w.k_before - sum(d.k) OVER since_then AS k_before, w.n + w.n_before - sum(d.n) OVER since_then AS n_before
    FROM daily d CROSS JOIN worse w CROSS JOIN asked a
    WHERE d.kind = w.kind AND d.name = w.name AND d.n > 0 AND d.day >= a.compare_first AND d.day < a.last
    WINDOW since_then AS (PARTITION BY d.kind, d.name ORDER BY d.day DESC)),
  splits AS (
    SELECT kind, name, day, row_number() OVER (PARTITION BY kind, name ORDER BY z DESC, day) AS place
    FROM (SELECT r.*, $z AS z FROM running r) WHERE z IS NOT NULL)
SELECT w.kind AS kind, w.name AS name,
  (SELECT p.profile FROM esp_profile_names p WHERE w.kind = 'espProfile' AND p.profile_id = w.name) AS display_name,
  w.k AS affected, w.n AS n, 1.0 * w.k / w.n AS rate, $low(w.k - spread, w.n) AS low, $high(w.k + spread, w.n) AS high,
  w.k_before AS affected_before, w.n_before AS n_before, 1.0 * w.k_before / w.n_before AS rate_before,
  w.k - 1.0 * w.k_before * w.n / w.n_before AS excess, w.z AS z, w.p AS p,
  (SELECT $day(s.day) FROM splits s WHERE s.kind = w.kind AND s.name = w.name AND s.place = 1) AS since
FROM worse w ORDER BY excess DESC, w.kind, w.name
