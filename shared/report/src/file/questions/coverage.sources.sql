-- The senders that took part: what each reports, in how many attempts, and in how many of these no sender reported what
-- it leaves out.
-- answer: rows
-- booleans: starts, steps, stops, failures, ends, compliance, deviceTime
WITH $asked,
  started AS (SELECT coalesce(sum(initiated), 0) AS initiated FROM $its_days($days) WHERE $of_os),
  $senders
SELECT source, starts, steps, stops, failures, ends, compliance, device_time, attempts, measured, with_steps, lacking,
  reports, lacks, sentence
FROM senders ORDER BY attempts DESC, source, reports, device_time
