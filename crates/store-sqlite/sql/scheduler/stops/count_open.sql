-- And how many of them are stuck.
SELECT count(*), count(*) FILTER (WHERE status = 6)
FROM stop WHERE session = ?1 AND status < 7 AND released_at IS NULL;
