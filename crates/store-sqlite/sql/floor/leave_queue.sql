-- What was claimed stood at the head, where there is one priority.
DELETE FROM ready WHERE queue = 1 AND type = 1 AND priority = 0 AND execution <= ?1;
