SELECT count(*) FROM stop WHERE session = ?1 AND status < 7 AND released_at IS NULL;
