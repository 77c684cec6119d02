-- By status, from 2 to 6. A session that is named has the index of what is open be searched.
SELECT
    count(*) FILTER (WHERE status = 2), count(*) FILTER (WHERE status = 3),
    count(*) FILTER (WHERE status = 4), count(*) FILTER (WHERE status = 5),
    count(*) FILTER (WHERE status = 6)
FROM stop WHERE session > 0 AND status < 7 AND released_at IS NULL;
