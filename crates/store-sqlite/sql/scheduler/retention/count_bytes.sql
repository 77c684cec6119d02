-- What goes with an execution: its payload, the results of its attempts, their outputs, and the
-- reasons of those who canceled it again.
SELECT
    coalesce(octet_length(s.payload), 0)
    + (
        SELECT
            coalesce(sum(
                coalesce(octet_length(a.result), 0) + coalesce(octet_length(a.late_result), 0)
            ), 0)
        FROM attempt AS a WHERE a.execution = ?1
    )
    + (
        SELECT coalesce(sum(octet_length(o.stdout) + octet_length(o.stderr)), 0)
        FROM output AS o WHERE o.execution = ?1
    )
    + (
        SELECT coalesce(sum(octet_length(c.reason)), 0)
        FROM cancel_request AS c WHERE c.execution = ?1
    ) AS bytes
FROM spec AS s WHERE s.execution = ?1;
