-- Nobody knows the new ones: a worker of the life before cannot speak, and its lease lapses.
UPDATE worker_session SET token = randomblob(16);
