UPDATE closed_tree SET decided_to = ?2 WHERE execution = ?1;
