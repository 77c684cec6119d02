SELECT stops_by FROM stop
WHERE stops_by IS NOT NULL AND status < 5
ORDER BY stops_by LIMIT 1;
