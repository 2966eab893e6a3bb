-- A generation that is being drawn is noted before the first step, so that one that ends the server is not drawn for
-- ever: `attempts` counts the times it was begun, `drawing` marks the one that goes on. An orderly stop takes that one
-- back; what is still marked at a start ended with its server. `failure` says why there are no pictures.
ALTER TABLE generations ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN drawing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN failure TEXT;

-- Files whose rows were deleted, until the files are gone too: a file that neither has a row nor stands here is not
-- ours to remove.
CREATE TABLE removals (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Pictures of a public generation are public from the beginning; those of before were when they were first shown.
UPDATE images SET public = 1 WHERE generation IN (
    SELECT id FROM generations
    WHERE CASE WHEN json_valid(request) THEN json_extract(request, '$.public') ELSE 0 END
);
