-- The apps beyond those listed, counted together: of how many sessions and apps.
-- answer: row
WITH $asked, $app_cells
SELECT count(*) AS app_count, coalesce(sum(tried), 0) AS tried, coalesce(sum(failed), 0) AS failed
FROM apps WHERE place > $limit
