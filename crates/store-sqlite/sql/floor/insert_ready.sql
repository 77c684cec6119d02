INSERT INTO ready (queue, type, priority, execution) VALUES (1, 1, 0, ?1);
