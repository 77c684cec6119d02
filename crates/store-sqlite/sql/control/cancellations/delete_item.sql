DELETE FROM cancellation_item WHERE cancellation = ?1 AND task = ?2;
