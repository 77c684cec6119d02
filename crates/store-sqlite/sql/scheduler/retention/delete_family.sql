DELETE FROM family WHERE execution = ?1;
