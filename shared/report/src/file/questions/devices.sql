-- The devices of a person, or those with a name or identifier, with their attempts: the facts that diagnostics use.
-- answer: row
-- :user text | The person's principal name or id; their pseudonym in a file that has pseudonyms.
-- :device text | A serial number, a UDID, the MDM's or the sender's id, or the device's key; in small letters.
-- :name text | The device's name; its pseudonym in a file that has pseudonyms.
SELECT $as_of, $time_zone
