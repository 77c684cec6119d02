SELECT namespace, type, timeout_ms, max_attempts FROM cleanup_type;
