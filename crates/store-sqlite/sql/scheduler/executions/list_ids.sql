-- One state; whoever asks for more of them merges.
SELECT id FROM execution
WHERE namespace = ?1 AND state = ?2 AND id < ?3
ORDER BY id DESC LIMIT ?4;
