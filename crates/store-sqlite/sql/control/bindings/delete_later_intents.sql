-- The latest of the later ones stay, and of those that cascade one, whichever.
DELETE FROM cancel_intent
WHERE task = ?1
    AND number > 1
    AND number <= (SELECT max(i.number) FROM cancel_intent AS i WHERE i.task = ?1) - ?2
    AND number IS NOT (
        SELECT min(i.number) FROM cancel_intent AS i WHERE i.task = ?1 AND i.cascades
    );
