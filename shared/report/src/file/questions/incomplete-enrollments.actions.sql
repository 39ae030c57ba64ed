-- The nineteen places where people stop, counted.
-- answer: rows
WITH $asked,
  counts AS (
    SELECT catalogue_row, sum(abandoned) AS abandoned FROM incomplete_detail
    WHERE $reported AND $in_section AND part = 'row' GROUP BY catalogue_row)
SELECT a.catalogue_row AS catalogue_row, a.section AS section, a.action AS action, a.screen AS screen,
  a.platform AS platform, a.how AS how, coalesce(c.abandoned, 0) AS abandoned
FROM incomplete_by_action a LEFT JOIN counts c ON c.catalogue_row = a.catalogue_row
ORDER BY a.catalogue_row
