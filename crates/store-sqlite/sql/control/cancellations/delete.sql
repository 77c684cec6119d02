DELETE FROM cancellation WHERE id = ?1;
