DELETE FROM output WHERE execution = ?1;
