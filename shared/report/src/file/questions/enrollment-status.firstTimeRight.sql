-- Of the devices whose first attempt is judged, the share whose first attempt completed.
-- answer: row
SELECT rate, n FROM first_time_right
