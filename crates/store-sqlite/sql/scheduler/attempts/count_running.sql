SELECT count(*) FROM attempt WHERE session = ?1 AND outcome IS NULL;
