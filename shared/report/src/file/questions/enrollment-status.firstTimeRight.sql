-- The share of devices whose first attempt completed.
-- answer: row
SELECT rate, n FROM first_time_right
