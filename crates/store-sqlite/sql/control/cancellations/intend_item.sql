UPDATE cancellation_item SET intended = 1
WHERE cancellation = ?1 AND task = ?2 AND outcome IS NULL;
