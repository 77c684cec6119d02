SELECT attempt FROM stop WHERE execution = ?1 ORDER BY attempt DESC LIMIT 1;
