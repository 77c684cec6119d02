-- A wait that came to its end: of its time, or of the stop before it.
UPDATE execution SET state = ?3, seq = coalesce(?4, seq), state_at = ?5
WHERE id = ?1 AND state = ?2;
