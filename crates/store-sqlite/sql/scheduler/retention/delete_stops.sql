DELETE FROM stop WHERE execution = ?1;
