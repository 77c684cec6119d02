-- What a transaction moved.
UPDATE queue SET
    ready = ready + ?2, scheduled = scheduled + ?3, backing_off = backing_off + ?4,
    blocked = blocked + ?5, running = running + ?6, stopping = stopping + ?7
WHERE id = ?1;
