SELECT 1 FROM stop WHERE execution = ?1 AND status < 7 AND released_at IS NULL LIMIT 1;
