-- Who canceled an execution, and as what.
SELECT execution, canceled_at, canceled_by, reason, cause FROM verdict WHERE execution = ?1;
