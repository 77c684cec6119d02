-- The first word on a tree stands.
INSERT INTO closed_tree (execution, closed_by, reason, decided_to) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (execution) DO NOTHING;
