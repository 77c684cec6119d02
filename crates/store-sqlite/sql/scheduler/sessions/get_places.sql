SELECT queues, types FROM worker_session WHERE id = ?1;
