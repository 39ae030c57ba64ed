-- By what attempts can be told apart, with its words. A tag is listed if an attempt in the file has it.
-- answer: rows
SELECT name, title FROM slices k
WHERE id BETWEEN 1 AND 100 OR EXISTS (SELECT 1 FROM daily_slices d WHERE d.slice_id = k.id AND d.value_word <> 0)
ORDER BY id
