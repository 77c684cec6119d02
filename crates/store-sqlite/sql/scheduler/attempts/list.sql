SELECT
    a.execution, a.attempt, a.session,
    -- A session may be forgotten before an execution that lives long.
    coalesce(w.name, '-') AS worker, a.claimed_at, a.confirmed_at, a.ended_at, a.outcome,
    a.error_code, a.error_message, a.exit_code, a.exit_signal, a.late_at, a.late_outcome,
    a.late_result_bytes, a.late_result, a.late_error_code, a.late_error_message,
    a.result, p.status, p.cause, p.requested_at, p.delivered_at, p.acknowledged_at,
    p.ended_at AS stop_ended_at, p.how, p.containment, p.stops_by, p.evidence,
    p.released_at, p.released_by, p.release_reason
FROM attempt AS a
LEFT JOIN worker_session AS w ON w.id = a.session
LEFT JOIN stop AS p ON p.execution = a.execution AND p.attempt = a.attempt
WHERE a.execution = ?1
ORDER BY a.attempt;
