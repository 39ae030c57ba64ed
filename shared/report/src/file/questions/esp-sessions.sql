-- Sessions of the Enrollment Status Page.
-- answer: row
-- days: open
-- :state esp_session_states | The session's state.
-- :profileId text | The id of the profile that was fixed when the session began.
-- :stuck boolean | Whether its list of apps is overdue and still not known.
-- :user text | The person of the session, by principal name or id; their pseudonym in a file that has pseudonyms.
-- :cursor cursor | The cursor at which the page before ended.
-- :limit limit | At most this many rows; 50 without it.
SELECT $as_of, $first_page, $time_zone
