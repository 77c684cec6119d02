DELETE FROM cancel_intent WHERE task = ?1;
