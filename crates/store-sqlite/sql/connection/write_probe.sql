-- Large enough that it takes new pages: a change in place succeeds on a full disk.
INSERT INTO storage_probe (filling) VALUES (zeroblob(65536));
