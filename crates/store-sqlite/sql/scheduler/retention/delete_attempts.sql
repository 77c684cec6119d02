DELETE FROM attempt WHERE execution = ?1;
