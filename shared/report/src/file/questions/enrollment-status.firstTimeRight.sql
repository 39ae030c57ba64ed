-- The share of devices whose first attempt completed, of those whose first attempt is judged.
-- answer: row
SELECT rate, n FROM first_time_right
