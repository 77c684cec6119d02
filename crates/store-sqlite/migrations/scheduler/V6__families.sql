-- Who belongs to whom: one row for each execution that is a child, has children, or would cancel them.
-- All others have none, and cost nothing.
CREATE TABLE family (
    execution INTEGER PRIMARY KEY,
    -- None for a root.
    parent INTEGER,
    root INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    -- Children that are kept.
    children INTEGER NOT NULL,
    -- Whether its cancel closes the tree below it.
    cancels_children INTEGER NOT NULL
) STRICT;

CREATE INDEX family_children ON family (parent, execution) WHERE parent IS NOT NULL;

-- Executions below which nothing is created or begun any more; written with their verdict.
CREATE TABLE closed_tree (
    execution INTEGER PRIMARY KEY,
    closed_by TEXT NOT NULL,
    reason TEXT,
    -- The last of its children that was decided; none once all are.
    decided_to INTEGER
) STRICT;

CREATE INDEX closed_tree_open ON closed_tree (decided_to) WHERE decided_to IS NOT NULL;

-- What a cancel was of; none where it was of this very execution.
ALTER TABLE verdict ADD COLUMN cause INTEGER;
