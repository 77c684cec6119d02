INSERT INTO cancellation_item (cancellation, task, intended) VALUES (?1, ?2, 0);
