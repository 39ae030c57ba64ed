-- Abandoned in ways that have no row, by cause and place: portal closed, restarted, unenrolled.
-- answer: rows
WITH $asked
SELECT part AS cause, section, action, sum(abandoned) AS abandoned FROM incomplete_of_all_platforms
WHERE $reported AND $in_section AND part NOT IN ('row', 'placeNotReported', 'other')
GROUP BY part, section, action ORDER BY 1, 2, 3
