DELETE FROM cancel_request
WHERE execution = ?1
    AND number <= (SELECT max(c.number) FROM cancel_request AS c WHERE c.execution = ?1) - ?2;
