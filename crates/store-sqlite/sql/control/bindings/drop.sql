DELETE FROM binding WHERE task = ?1;
