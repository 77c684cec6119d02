UPDATE counter SET next_execution = next_execution + ?1, next_session = next_session + ?1
RETURNING max(next_execution, next_session);
