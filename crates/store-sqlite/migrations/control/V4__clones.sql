-- What a task was made from.
ALTER TABLE task ADD COLUMN cloned_from INTEGER;
