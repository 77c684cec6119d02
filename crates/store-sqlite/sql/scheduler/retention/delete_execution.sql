DELETE FROM execution WHERE id = ?1 AND state = ?2;
