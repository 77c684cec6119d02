UPDATE sqlite_sequence SET seq = seq + ?1 RETURNING seq;
