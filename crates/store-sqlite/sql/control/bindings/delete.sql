DELETE FROM binding WHERE task = ?1 AND key = ?2;
