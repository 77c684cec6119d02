DELETE FROM verdict WHERE execution = ?1;
