SELECT id FROM handler_type WHERE name = ?1;
