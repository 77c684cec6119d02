SELECT execution, parent, root, depth, children, cancels_children FROM family WHERE execution = ?1;
