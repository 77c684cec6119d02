DELETE FROM closed_tree WHERE execution = ?1;
