-- The parent of what is forgotten has one child less.
UPDATE family SET children = children - 1
WHERE execution = (SELECT parent FROM family WHERE execution = ?1);
