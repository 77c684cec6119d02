DELETE FROM cancel_request WHERE execution = ?1;
