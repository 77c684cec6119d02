SELECT execution, closed_by, reason FROM closed_tree WHERE execution = ?1;
