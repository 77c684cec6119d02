INSERT INTO family (execution, parent, root, depth, children, cancels_children)
VALUES (?1, ?2, ?3, ?4, 0, ?5);
