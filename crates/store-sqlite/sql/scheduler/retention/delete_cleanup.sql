DELETE FROM cleanup WHERE execution = ?1;
