-- Sessions of the Enrollment Status Page.
-- answer: row
-- days: open
-- :state esp_session_states | How it stands.
-- :profileId text | The profile fixed when it began, by its id.
-- :stuck boolean | Whether its list of apps is not known in time, still.
-- :user text | The person of the session, by principal name or id; their pseudonym in a file that has pseudonyms.
-- :cursor cursor | Where the page before ended.
-- :limit limit | Rows at most; 50 without it.
SELECT $as_of, $first_page, $time_zone
