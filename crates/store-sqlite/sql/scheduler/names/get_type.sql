SELECT name FROM handler_type WHERE id = ?1;
