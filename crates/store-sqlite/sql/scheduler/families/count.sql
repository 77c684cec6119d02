-- A root gets its row with its first child.
INSERT INTO family (execution, parent, root, depth, children, cancels_children)
VALUES (?1, NULL, ?1, 0, 1, 0)
ON CONFLICT (execution) DO UPDATE SET children = children + 1;
