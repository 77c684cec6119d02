SELECT execution FROM closed_tree WHERE decided_to >= 0 LIMIT 1;
