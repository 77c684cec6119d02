-- The oldest keys, which are forgotten.
CREATE INDEX idempotency_age ON idempotency (created_at);
