UPDATE cancellation_item SET outcome = ?3
WHERE cancellation = ?1 AND task = ?2 AND outcome IS NULL;
