-- What lapsed while we were away has not ended: it is extended too.
UPDATE worker_session SET lease_until = ?1 WHERE ended_at IS NULL AND lease_until < ?1;
