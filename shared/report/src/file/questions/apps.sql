-- Apps by their ids and names: those that Intune names, and those of the newest sessions of the Enrollment Status Page.
-- answer: row
SELECT $as_of
